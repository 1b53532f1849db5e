//! An ordinary `wasi:http` server: it relays what it is posted to a chat, and answers as the chat does.

#[cfg(target_arch = "wasm32")]
mod relay;
