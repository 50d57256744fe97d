//! RDS's control plane, as the steps use it.

pub mod addresses;
pub mod clusters;
pub mod database;
pub mod instances;
pub mod log_groups;
pub mod parameters;
pub mod requests;
pub mod snapshots;
pub mod source;
pub mod status;
pub mod target;
