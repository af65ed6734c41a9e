//! Lines of the journal.
