//! `kamaji support-bundle`: the diagnosis and what it was made from, in one archive without secrets.

use std::path::PathBuf;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;

use super::doctor::{self, Doctor};
use super::shared::context::{self, Context};
use super::shared::secure_files;
use crate::cli::SupportBundleArgs;
use crate::engine::doctor::support_bundle;
use crate::engine::session::Session;
use crate::error::{Fault, Kind, While as _};
use crate::model::format_time;
use crate::plan::doctor::check_graph::LinkName;
use crate::plan::doctor::support_bundle::{BundleInputs, Content, bundle};
use crate::ui::{Format, Report, rendered};

/// Each part has its own limit.
const TOGETHER: Duration = Duration::from_secs(300);

pub(super) async fn run(args: &SupportBundleArgs, context: &mut Context) -> Result<(), Fault> {
    let progress = context.ui.progress();
    let (namespace, diagnosis) = doctor::examine(Some(&args.name), context).await?;
    let now = context.ambient.now();
    let mut gathered = match context.unasked().await {
        Ok(connection) if diagnosis.holds(LinkName::ManagementApi) => {
            let session = Session::quiet(&connection, TOGETHER, context::clock());
            support_bundle::gather_bundle(&session, &namespace, &args.name, args.lines).await
        }
        Ok(_) | Err(_) => {
            let why = "the management cluster does not answer".to_owned();
            BundleInputs {
                missing: vec![("objects, logs, events, the cluster itself".to_owned(), why)],
                ..Default::default()
            }
        }
    };
    drop(progress);
    let told = Doctor::of(Some(&args.name), &namespace, diagnosis);
    let head =
        format!("kamaji {}, {}\n\n{}", env!("CARGO_PKG_VERSION"), format_time(now), rendered(&told, Format::Table));
    let mut contents = vec![
        ("diagnosis.txt".to_owned(), Content::Text(head)),
        ("diagnosis.json".to_owned(), Content::Text(rendered(&told, Format::Json))),
    ];
    contents.append(&mut gathered.files);
    gathered.files = contents;
    let folder = format!("kamaji-support-{namespace}-{}-{}", args.name, now.strftime("%Y%m%d-%H%M%S"));
    // One folder, so that it can be unpacked anywhere.
    let entries: Vec<(String, String)> =
        bundle(&gathered).into_iter().map(|(path, text)| (format!("{folder}/{path}"), text)).collect();
    let path = args.file.clone().unwrap_or_else(|| PathBuf::from(format!("{folder}.tar.gz")));
    let seconds = u64::try_from(now.as_second()).unwrap_or_default();
    let archive = packed(&entries, seconds).while_doing(Kind::Failed, || "pack the bundle".to_owned())?;
    secure_files::write_private(&path, &archive)?;
    context.ui.report(&SupportBundle {
        api_version: "kamaji/v1",
        kind: "SupportBundle",
        name: args.name.to_string(),
        namespace: namespace.to_string(),
        file: path.display().to_string(),
        bytes: archive.len(),
        entries: entries.into_iter().map(|(path, _)| path).collect(),
        missing: gathered.missing.into_iter().map(|(what, why)| format!("{what}: {why}")).collect(),
    });
    Ok(())
}

/// A tar archive, compressed by gzip; only its owner reads what comes out of it.
fn packed(entries: &[(String, String)], now: u64) -> std::io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    for (path, text) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(now);
        archive.append_data(&mut header, path, text.as_bytes())?;
    }
    archive.into_inner()?.finish()
}

/// What was written. Its JSON is a public interface.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SupportBundle {
    api_version: &'static str,
    kind: &'static str,
    name: String,
    namespace: String,
    file: String,
    bytes: usize,
    entries: Vec<String>,
    /// What could not be had, and why.
    missing: Vec<String>,
}

impl Report for SupportBundle {
    fn text(&self, _wide: bool) -> String {
        let kibibytes = self.bytes.div_ceil(1024);
        let mut text = format!(
            "{}: {} files, {kibibytes} KiB, without secrets; diagnosis.txt is the first\n",
            self.file,
            self.entries.len()
        );
        for missing in &self.missing {
            text.push_str(&format!("  could not be had: {}\n", crate::ui::safe(missing)));
        }
        text
    }

    fn names(&self) -> Vec<String> {
        vec![format!("file/{}", self.file)]
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn the_archive_holds_the_files_in_order_for_their_owner_only() {
        let entries =
            [("diagnosis.txt".to_owned(), "first".to_owned()), (format!("logs/{}", "x".repeat(200)), "b".into())];
        let bytes = packed(&entries, 1).unwrap();
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(bytes.as_slice()));
        let mut seen = Vec::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            assert_eq!(entry.header().mode().unwrap(), 0o600);
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            seen.push((entry.path().unwrap().display().to_string(), text));
        }
        assert_eq!(seen, entries);
    }
}
