//! The HTTP API, version 1: every route on one screen in [`router`], one file a resource.

pub mod extract;
