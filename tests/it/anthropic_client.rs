//! the Messages client against recorded streams and a real socket

mod streams;
