//! What work costs: tariffs in a price book.
