//! Fault injection: a proxy, faults at each request, and the comparison of final states.

pub(crate) mod closing_proxy;
pub(crate) mod final_state;
pub(crate) mod proxy;
pub(crate) mod scenario;
pub(crate) mod sweep;
