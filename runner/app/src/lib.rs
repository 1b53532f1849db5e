//! Groundcrew: watches apps and machines come and go, and keeps what lies outside of them right.

#![forbid(unsafe_code)]

pub mod assembly;
pub mod backfill;
pub mod builtin;
pub mod canary;
pub mod commands;
pub mod components;
pub mod config;
pub mod control;
pub mod data_dir;
pub mod http;
pub mod kept;
pub mod key;
pub mod lock;
pub mod logging;
pub mod plan;
pub mod promoted;
pub mod prove;
pub mod rates;
pub mod reload;
pub mod renames;
pub mod replay;
pub mod retire;
pub mod runner;
pub mod scheduler;
pub mod service;
pub mod show;
pub mod source;
pub mod upgrade;
