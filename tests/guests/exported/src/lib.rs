//! A component that exports one function and knows nothing of hooks: what is measured with it is another host.

#[cfg(target_arch = "wasm32")]
mod component {
    #![expect(unsafe_code, reason = "the bindings' macro exports a function by name")]

    wit_bindgen::generate!({ path: "wit" });

    struct Noop;

    impl exports::bench::noop::noop::Guest for Noop {
        fn run(_event: String) -> Result<String, String> {
            Ok(String::new())
        }
    }

    export!(Noop);
}
