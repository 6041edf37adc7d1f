//! Fields, types and findings: how a document is checked against a field table.

pub(super) mod check;
pub(super) mod duration;
pub(super) mod fields;
pub(super) mod findings;
pub(super) mod lookup;
pub(super) mod reference;
pub(super) mod suggestion;
pub(super) mod typed;
pub(super) mod view;
