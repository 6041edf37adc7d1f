//! `kamaji rbac`: the Roles with exactly the rights that kamaji uses. No cluster is asked.

use super::shared::context::Context;
use crate::cli::RbacArgs;
use crate::engine::datastore::admin::DATASTORE_NAMESPACE;
use crate::error::{Fault, Kind};
use crate::render::rbac::{Subject, manager_roles, viewer_roles};
use crate::ui::Format;

pub(super) fn run(args: &RbacArgs, context: &Context) -> Result<(), Fault> {
    let mut subjects: Vec<Subject> = args.users.iter().cloned().map(Subject::User).collect();
    subjects.extend(args.groups.iter().cloned().map(Subject::Group));
    for account in &args.service_accounts {
        let Some((namespace, name)) = account.split_once(':') else {
            return Err(Fault::new(Kind::Usage, format!("`{account}` is not a ServiceAccount"))
                .hint("write it as NAMESPACE:NAME"));
        };
        subjects.push(Subject::ServiceAccount(namespace.to_owned(), name.to_owned()));
    }
    let objects = if args.viewer {
        viewer_roles(&subjects)
    } else {
        manager_roles(&context.namespace_or("default")?, DATASTORE_NAMESPACE, args.make_datastore, &subjects)
    };
    let text = match context.ui.format {
        Format::Json => {
            let list = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": objects});
            format!("{list:#}\n")
        }
        Format::Table | Format::Wide | Format::Yaml | Format::Name => crate::yaml::write_documents(&objects),
    };
    context.ui.result(&text);
    Ok(())
}
