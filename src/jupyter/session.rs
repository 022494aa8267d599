//! Who we are on the wire: session id, user name, signing key, and the window of seen signatures.
