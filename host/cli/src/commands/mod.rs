//! One file a command.

pub(crate) mod answer_report;
pub(crate) mod backup;
pub(crate) mod build;
pub(crate) mod check;
pub(crate) mod checkpoint;
pub(crate) mod config;
pub(crate) mod demo;
pub(crate) mod detach;
pub(crate) mod doctor;
pub(crate) mod events;
pub(crate) mod export;
pub(crate) mod follow;
pub(crate) mod fork;
pub(crate) mod inspect;
pub(crate) mod mine;
pub(crate) mod new;
pub(crate) mod open;
pub(crate) mod replay;
pub(crate) mod resume;
pub(crate) mod run;
pub(crate) mod runs;
pub(crate) mod serve;
pub(crate) mod show;
pub(crate) mod steer;
pub(crate) mod test;
pub(crate) mod vacuum;
