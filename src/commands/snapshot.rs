//! `kamaji snapshot`: the data of a control plane into a file that is whole, or not there.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;

use super::shared::context::Context;
use super::shared::control_plane;
use super::shared::secure_files::{SecretFile, open_again_and_again};
use crate::cli::SnapshotArgs;
use crate::engine::session::Session;
use crate::engine::snapshot::take;
use crate::error::{Fault, Kind};
use crate::plan::snapshot::format::SnapshotHeader;
use crate::plan::snapshot::reader::SnapshotReader;
use crate::plan::state::record::Record;
use crate::ui::Report;

pub(super) async fn run(args: &SnapshotArgs, context: &Context) -> Result<(), Fault> {
    let management = context.management().await?;
    let progress = context.ui.progress();
    let session = management.session(&progress, args.timeout.0);
    let record = control_plane::record(&session, &management, &args.name).await?;
    let saved = save(&session, &record, &args.file).await?;
    drop(progress);
    context.ui.report(&saved);
    Ok(())
}

/// Writes a snapshot, reads it back, and only then gives it its name.
pub(super) async fn save(session: &Session<'_>, record: &Record, path: &Path) -> Result<Snapshot, Fault> {
    refuse_other(record, path)?;
    let mut file = SecretFile::begin(path)?;
    take::snapshot(session, record, &mut file).await?;
    let (header, end) = SnapshotReader::open(file.read_back()?)
        .and_then(SnapshotReader::verify)
        .map_err(|error| Fault::from(error).with_kind(Kind::Failed).context("the snapshot is not what was written"))?;
    file.finish()?;
    Ok(Snapshot::of(header, end.sha256, path))
}

/// A file is replaced only by a later snapshot of the same control plane.
pub(super) fn refuse_other(record: &Record, path: &Path) -> Result<(), Fault> {
    let Some(file) = open_again_and_again(path)? else { return Ok(()) };
    let there =
        SnapshotReader::open(file).map_err(Fault::from).and_then(|there| Ok(there.header().require_of(record)?));
    there.map_err(|fault| {
        let causes = fault.causes().join(": ");
        Fault::new(Kind::Usage, format!("{} exists and is not replaced: {causes}", path.display()))
            .hint("name another file, or remove that one")
    })
}

/// Reads a snapshot to its end: only one that is whole and known is used.
pub(super) fn verified(path: &Path) -> Result<(SnapshotHeader, BufReader<File>), Fault> {
    let Some(mut file) = open_again_and_again(path)? else {
        return Err(Fault::new(Kind::Usage, format!("{} does not exist", path.display())));
    };
    let read = SnapshotReader::open(&mut file).and_then(SnapshotReader::verify);
    let (header, _) = read.map_err(|error| Fault::from(error).context(format!("{} cannot be used", path.display())))?;
    Ok((header, file))
}

/// A snapshot that was taken. Its JSON is a public interface.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Snapshot {
    api_version: &'static str,
    kind: &'static str,
    name: String,
    namespace: String,
    file: String,
    version: String,
    revision: i64,
    keys: u64,
    taken: Timestamp,
    sha256: String,
}

impl Snapshot {
    fn of(header: SnapshotHeader, sha256: String, path: &Path) -> Self {
        Self {
            api_version: "kamaji/v1",
            kind: "Snapshot",
            name: header.control_plane,
            namespace: header.namespace.to_string(),
            file: path.display().to_string(),
            version: header.version.to_string(),
            revision: header.revision,
            keys: header.keys,
            taken: header.taken,
            sha256,
        }
    }
}

impl Report for Snapshot {
    fn text(&self, _wide: bool) -> String {
        format!(
            "{}: {} keys at revision {}, written by {}, are in {}\nkeep it as you keep an administrator's kubeconfig; put it \
             back: kamaji restore {} -n {} --from {}\n",
            self.name, self.keys, self.revision, self.version, self.file, self.name, self.namespace, self.file
        )
    }

    fn names(&self) -> Vec<String> {
        vec![self.file.clone()]
    }
}
