//! the Jupyter protocol over real sockets
