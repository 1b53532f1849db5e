//! A plain `wasi:http` component: it knows nothing of `groundcrew:hook`, and answers a POST.
//!
//! What it does is in the event that it is posted, `data.data.does`:
//!
//! | `does` | |
//! |---|---|
//! | `forward` | posts the event's id to `http://a.example/told`, and answers 204 |
//! | `later` | answers 429, to be asked again after seven seconds |
//! | `never` | answers 410 |
//! | `silent` | answers nothing |
//! | `nothing` | answers 204, and does nothing |

#[cfg(target_arch = "wasm32")]
mod incoming;
