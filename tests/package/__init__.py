"""The package that is deployed without Rust and SAM."""
