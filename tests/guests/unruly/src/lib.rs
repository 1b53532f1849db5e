//! A handler that misbehaves: `config.does` says how, `config.about` with what.
//!
//! | `does` | |
//! |---|---|
//! | `nothing` | succeeds |
//! | `loop` | computes for ever |
//! | `wait` | sleeps for ever |
//! | `memory` | takes memory until it is refused |
//! | `stack` | recurses for ever |
//! | `log` | logs a line for ever |
//! | `log-wide` | logs one line of 8 MiB |
//! | `stderr` | writes to standard error for ever |
//! | `panic` | panics |
//! | `exit` | exits with status 3 |
//! | `fail` | fails with a message of 1 MiB |
//! | `big-body` | posts 5 MiB to `about` |
//! | `fetch` | gets `about`, whether granted or not |
//! | `fetch-all` | gets `about` for ever |
//! | `secret` | asks for the secret `about` and puts its token into the address of a request |
//! | `remember` | keeps 65 KiB under one key |
//! | `remember-much` | keeps one key after the other |
//! | `look-around` | logs what it can do with files, sockets, names and the environment |
//! | `seal` | gets `about` with `/keys/*/secret` sealed, logs the answer, and puts it to `back` in the header `x-key` |
//! | `echo` | gets `about` with the secret `secret` in `x-api-key`, and logs the answer |
//! | `keep` | does each of `asks`, says and keeps all that came of it, and gets `about` with all that in its memory |

use std::hint::black_box;
use std::io::Write;
use std::time::Duration;

use groundcrew_hook::{Event, Failure, Handler, Request, Result, Value, config, kv, log, secret};

/// The hook.
#[derive(Debug)]
pub struct Unruly;

impl Handler for Unruly {
    fn handle(event: &Event) -> Result<()> {
        let config: Value = config()?;
        let about = config["about"].as_str().unwrap_or_default();
        match config["does"].as_str().unwrap_or_default() {
            "nothing" => Ok(()),
            "loop" => compute(),
            "wait" => wait(),
            "memory" => take_memory(),
            "stack" => recurse(event.id.len()),
            "log" => loop {
                log::info("the same line, over and over again");
            },
            "log-wide" => {
                log::info("x".repeat(8 << 20));
                Ok(())
            }
            "stderr" => shout(),
            "panic" => panic!("this hook panics: {}", event.id),
            "exit" => leave(),
            "fail" => Err(Failure::passing("y".repeat(1 << 20))),
            "big-body" => Request::post(about).bytes(vec![0; 5 << 20]).send().map(drop),
            "fetch" => Request::get(about).send().map(drop),
            "fetch-all" => loop {
                Request::get(about).send()?;
            },
            "secret" => {
                Request::get(format!("{}/{}", config["server"].as_str().unwrap_or(""), secret(about)?))
                    .send()
                    .map(drop)
            }
            "remember-much" => (0..).try_for_each(|n: u32| kv::write(&n.to_string(), b"x")),
            "look-around" => {
                look_around();
                Ok(())
            }
            "seal" => {
                let method = config["method"].as_str().unwrap_or("GET");
                let answer = Request::new(method, about).seal("/keys/*/secret").send()?;
                log::info(answer.text());
                let key: Value = answer.json()?;
                let Some(back) = config["back"].as_str() else { return Ok(()) };
                let token = key["keys"][0]["secret"].as_str().unwrap_or_default();
                let answer = Request::put(back).header("x-key", token).send()?;
                log::info(answer.text());
                Ok(())
            }
            "echo" => {
                let answer = Request::get(about)
                    .header("x-api-key", secret(config["secret"].as_str().unwrap_or_default())?)
                    .send()?;
                log::info(answer.text());
                Ok(())
            }
            "keep" => {
                let asks = config["asks"].as_array().map(Vec::as_slice).unwrap_or_default();
                let kept: Vec<_> = asks.iter().map(came_of).collect();
                let sent = Request::get(about).send();
                black_box(&kept);
                sent.map(drop)
            }
            "remember" => kv::write("key", &vec![0; 65 << 10]),
            other => Err(Failure::lasting(format!("`{other}` is nothing that this guest does"))),
        }
    }
}

/// What comes of a request: `url`, or the secret `address`; the secret `secret` in `header`, behind `before`; `seal`.
fn came_of(ask: &Value) -> String {
    let text = |name: &str| ask[name].as_str();
    let sent = || -> Result<_> {
        let url = text("address").map_or_else(|| Ok(text("url").unwrap_or_default().to_owned()), secret)?;
        let mut request = Request::get(url);
        if let (Some(header), Some(name)) = (text("header"), text("secret")) {
            request =
                request.header(header, format!("{}{}", text("before").unwrap_or_default(), secret(name)?));
        }
        if let Some(pointer) = text("seal") {
            request = request.seal(pointer);
        }
        request.send()
    };
    let came = match sent() {
        Ok(answer) => format!("{} {:?} {}", answer.status, answer.headers, answer.text()),
        Err(failure) => failure.message,
    };
    log::info(&came);
    // What a library would do without anybody's knowing.
    drop(writeln!(std::io::stderr(), "{came}"));
    came
}

fn look_around() {
    use std::net::{TcpStream, ToSocketAddrs, UdpSocket};
    let works = |worked: bool| if worked { "works" } else { "fails" };
    log::info(format!(
        "read {}",
        works(std::fs::read_dir("/").is_ok() || std::fs::read("/etc/passwd").is_ok())
    ));
    log::info(format!("write {}", works(std::fs::write("left-behind", "x").is_ok())));
    log::info(format!("tcp {}", works(TcpStream::connect("127.0.0.1:9").is_ok())));
    log::info(format!("udp {}", works(UdpSocket::bind("0.0.0.0:0").is_ok())));
    log::info(format!("names {}", works(("localhost", 80).to_socket_addrs().is_ok())));
    log::info(format!("environment {}", std::env::vars().count() + std::env::args().count()));
}

fn compute() -> ! {
    let mut n = 0u64;
    loop {
        n = black_box(n.wrapping_add(1));
    }
}

fn wait() -> ! {
    loop {
        std::thread::sleep(Duration::from_hours(8_760));
    }
}

fn take_memory() -> ! {
    let mut all = Vec::new();
    loop {
        all.push(black_box(vec![1u8; 1 << 20]));
    }
}

#[expect(unconditional_recursion, reason = "that is what it is for")]
fn recurse(depth: usize) -> Result<()> {
    let frame = black_box([depth; 64]);
    recurse(frame[0] + 1)?;
    black_box(&frame);
    Ok(())
}

fn shout() -> Result<()> {
    loop {
        std::io::stderr().write_all(b"the same line, over and over again\n")?;
    }
}

#[expect(clippy::exit, reason = "that is what it is for")]
fn leave() -> ! {
    std::process::exit(3)
}

groundcrew_hook::export_handler!(Unruly);
