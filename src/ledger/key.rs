//! The names of deliveries: what makes a second one impossible, and what the wire calls them.
