#![doc = include_str!("../README.md")]

pub mod api;
pub mod api_key;
pub mod config;
pub mod damage;
pub mod error;

pub mod connections;
pub mod http;

pub mod claiming;
pub mod inventory;
pub mod issuing;
pub mod provenance;

pub mod alarms;
mod chain_facts;
pub mod chain_status;
pub mod clock;
pub mod journal;
pub mod keyring;
pub mod lanes;
pub mod points;
pub(crate) mod presence;
pub mod service;
pub mod storage;
mod views;
pub mod worker;

pub mod serve;
pub mod startup;
pub mod turns;
