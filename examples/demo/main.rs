//! Five portals answering the questions people really ask: `make demo`.
//!
//! Everything runs in this process, on the shipped policies and the five presets; nothing is stored
//! and no server is asked.

#![expect(clippy::print_stdout, reason = "the demo talks to a person")]

mod accounting;
mod agency;
mod bookings;
mod invoicing;
mod practice;
mod stage;

use doorward::Portal;

type Done = Result<(), Box<dyn std::error::Error>>;

fn main() -> Done {
    let portal = Portal::builder().build()?;
    println!("Five businesses, five portals: the same policies, and a preset for each.");
    bookings::run(&portal)?;
    invoicing::run(&portal)?;
    agency::run(&portal)?;
    practice::run(&portal)?;
    accounting::run(&portal)?;
    Ok(())
}
