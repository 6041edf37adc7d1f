//! Upgrades and updates without downtime, and their rollback.

mod interrupted;
mod update;
mod upgrade;
