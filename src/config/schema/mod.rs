//! Checks documents against field tables: fields, types and findings.

pub(super) mod check;
pub(super) mod duration;
pub(super) mod fields;
pub(super) mod findings;
pub(super) mod lookup;
pub(super) mod reference;
pub(super) mod suggestion;
pub(super) mod typed;
pub(super) mod view;
