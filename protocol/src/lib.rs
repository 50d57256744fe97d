//! The protocol as a model: the cutover, its undo and the way forward, with everything that can come in between.
//!
//! A [`state::World`] is all that can be told apart at one moment, [`moves::moves`] all that can happen next. Nothing is
//! drawn by lot: [`explore::explore`] visits every world. Calls whose answer was lost go on as late calls; a process
//! can die at every step and leave its sessions behind; sessions can die alone; a person can stop the execution
//! anywhere and start another one.
//!
//! Not in it: time (whatever has a limit may end at once or late), what a single statement does inside of PostgreSQL,
//! the steps before the approval, snapshots. A write is acknowledged in one move, since `lock table` waits for those
//! under way; a transaction of our own is one move too, but for the one that closes the fence.

pub mod bug;
pub mod call;
pub mod explore;
pub mod moves;
pub mod property;
pub mod protocol;
pub mod state;
pub mod step;
