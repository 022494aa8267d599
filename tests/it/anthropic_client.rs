//! the Messages client against recorded streams and a real socket

mod blocks;
mod calls;
mod credentials;
mod decoding;
mod downloads;
mod failures;
mod logins;
mod misleading;
mod models;
mod recordings;
mod server;
mod settings;
mod streams;
