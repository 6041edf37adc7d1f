//! `kamaji certs`: look at certificates and keys, and make new ones.

mod check;
mod renew;
mod rotate;
mod rotate_ca;
mod worker_trust;

use std::process::ExitCode;

use super::shared::context::Context;
use crate::cli::CertsCommand;
use crate::error::Fault;
use crate::plan::certificates::rotation_phases::RotationTarget;

pub(super) async fn run(command: &CertsCommand, context: &mut Context) -> Result<ExitCode, Fault> {
    match command {
        CertsCommand::Check(args) => check::run(args, context).await,
        CertsCommand::Renew(args) => renew::run(args, context).await.map(|()| ExitCode::SUCCESS),
        CertsCommand::RotateSaKey(args) => {
            rotate::run(args, RotationTarget::ServiceAccountKey, context).await.map(|()| ExitCode::SUCCESS)
        }
        CertsCommand::RotateEncryptionKey(args) => {
            rotate::run(args, RotationTarget::EncryptionKey, context).await.map(|()| ExitCode::SUCCESS)
        }
        CertsCommand::RotateCa(args) => rotate_ca::run(args, context).await.map(|()| ExitCode::SUCCESS),
    }
}
