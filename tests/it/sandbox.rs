//! what a command in the sandbox can and cannot do
