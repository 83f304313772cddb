//! Whatever a policy file holds, loading it ends with a bundle or with findings.
#![no_main]

use doorward::PolicyBundle;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _either = PolicyBundle::builder().policies("p.cedar", text).build();
});
