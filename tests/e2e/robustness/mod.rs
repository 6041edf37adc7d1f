//! Faults, outages and signals.

mod faults;
mod outages;
mod signals;
