//! A handler from the WIT and `wit-bindgen` alone: it posts every event as JSON to `{config.server}/events`.

#[cfg(target_arch = "wasm32")]
mod hook;
