//! Bytes to policies, facts and requests: the engine decides as Cedar does.
#![no_main]

use doorward_oracle::compare::{Tally, compare};
use doorward_oracle::{Case, Choices};
use libfuzzer_sys::fuzz_target;

/// Sanitizers make the frames of Cedar's parser large.
const STACK_BYTES: usize = 256 << 20;

fuzz_target!(|bytes: &[u8]| {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
        let work = || {
            let case = Case::generate(&mut Choices::from_bytes(bytes), 2);
            if let Err(difference) = compare(&case, &mut Tally::default()) {
                panic!("{difference}\n\n{case}");
            }
        };
        thread.spawn_scoped(scope, work).expect("a thread");
    });
});
