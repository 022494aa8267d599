//! cells to transcripts: the kernel in memory, the backend over HTTP
