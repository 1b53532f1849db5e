use std::sync::Mutex;

use tokio::time::{Duration, Instant};

use super::*;

/// Follows tokio's clock, which these tests pause.
#[derive(Debug)]
struct Paused(Instant);

impl Clock for Paused {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.elapsed().as_millis() as i64)
    }
}

/// Answers with one status after the other; 0: none, 1: too much.
struct Script(Mutex<Vec<u16>>);

impl Transport for Script {
    fn admit<'a>(&'a self, _: &'a Request) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn exchange(&self, _: Request, _: Millis) -> BoxFuture<'_, Result<Response, TransportError>> {
        let came = match self.0.lock().unwrap().pop().unwrap_or(200) {
            0 => Err(TransportError::NoAnswer("silence".to_owned())),
            1 => Err(TransportError::TooLarge { status: 200, most: 4 }),
            status => Ok(Response { status, headers: Vec::new(), body: Vec::new() }),
        };
        Box::pin(std::future::ready(came))
    }
}

fn limited(statuses: Vec<u16>, classify: Classify) -> Limited<Script> {
    limited_after(statuses, classify, None)
}

fn limited_after(
    mut statuses: Vec<u16>,
    classify: Classify,
    asked_until: Option<Timestamp>,
) -> Limited<Script> {
    statuses.reverse();
    let host = Rate { burst: 2, every: Millis::seconds(1) };
    let breaking = Breaking { failures: 3, ..Breaking::default() };
    let rules = Rules { host, classify, breaking, patience: Millis::seconds(10) };
    Limited::new(Script(Mutex::new(statuses)), rules, Arc::new(Paused(Instant::now())), asked_until)
}

fn nothing() -> Classify {
    Arc::new(|_| None)
}

fn get(url: &str) -> Request {
    Request {
        method: "GET".to_owned(),
        url: url.to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
        private: false,
    }
}

async fn ask(limited: &Limited<Script>, url: &str) -> Result<(), Failure> {
    let request = get(url);
    limited.admit(&request).await?;
    // What comes back is the transport's affair; the limits have seen it.
    let _came = limited.exchange(request, Millis::seconds(1)).await;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn requests_to_one_host_wait_and_those_to_others_do_not() {
    let limited = limited(Vec::new(), nothing());
    let began = Instant::now();
    for _ in 0..4 {
        ask(&limited, "https://a.example/x").await.unwrap();
    }
    assert_eq!(began.elapsed(), Duration::from_secs(2), "two at once, then one a second");
    ask(&limited, "https://b.example/x").await.unwrap();
    assert_eq!(began.elapsed(), Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn a_hook_waits_for_its_own_rate_and_takes_nothing_from_others_meanwhile() {
    let limited = limited(Vec::new(), nothing());
    let slow = limited.of_hook("slow", Rate { burst: 1, every: Millis::seconds(5) });
    ask(&slow, "https://a.example/").await.unwrap();
    let waits = tokio::time::timeout(Duration::from_secs(1), ask(&slow, "https://a.example/"));
    let (waits, other, seen) = tokio::join!(waits, ask(&limited, "https://a.example/"), async {
        tokio::task::yield_now().await;
        limited.counts().waiting
    });
    assert!(waits.is_err(), "it still waits after a second");
    other.unwrap();
    assert_eq!(seen, BTreeMap::from([("hook:slow".to_owned(), 1)]));
    assert_eq!(limited.counts().waiting, BTreeMap::new(), "who gave up does not wait");
}

fn by_path() -> Classify {
    Arc::new(|request| {
        let rate = Rate { burst: 1, every: Millis::seconds(3) };
        request.url.contains("/machines/").then(|| Counted { by: request.url.clone(), rate })
    })
}

#[tokio::test(start_paused = true)]
async fn limits_from_outside_may_be_used_up_by_whoever_asked_before() {
    let limited = limited_after(Vec::new(), by_path(), Some(Timestamp::from_millis(0)));
    let started = Instant::now();
    ask(&limited, "https://a.example/machines/0").await.unwrap();
    assert_eq!(started.elapsed(), Duration::from_secs(3));
    tokio::time::advance(Duration::from_secs(9)).await;
    let began = Instant::now();
    ask(&limited, "https://a.example/machines/1").await.unwrap();
    assert_eq!(began.elapsed(), Duration::ZERO, "by then it is full");
}

#[tokio::test(start_paused = true)]
async fn limits_from_outside_count_hooks_and_runner_together_and_only_they_hold_it_up() {
    let hooks = limited(vec![0, 0, 0], by_path());
    let runner = hooks.of_runner();
    let began = Instant::now();
    ask(&hooks, "https://a.example/machines/1").await.unwrap();
    ask(&runner, "https://a.example/machines/1").await.unwrap();
    assert_eq!(began.elapsed(), Duration::from_secs(3), "the hook had the one that was there");
    for _ in 0..3 {
        ask(&runner, "https://a.example/").await.unwrap();
    }
    assert_eq!(began.elapsed(), Duration::from_secs(3), "a host's rate is for hooks");
    assert_eq!(hooks.open(), [], "it moves no breaker");
    for _ in 0..4 {
        // Nobody waits for these: they book the bucket further ahead than hooks are patient.
        let asked = ask(&runner, "https://a.example/machines/1");
        let _left = tokio::time::timeout(Duration::from_millis(1), asked).await;
    }
    assert!(ask(&hooks, "https://a.example/machines/1").await.is_err());
    ask(&runner, "https://a.example/machines/1").await.expect("it waits as long as it takes");
}

#[tokio::test(start_paused = true)]
async fn what_the_runner_itself_meets_is_counted_and_shuts_nobody_out() {
    let hooks = limited(vec![0, 503, 500, 0, 200], nothing());
    for _ in 0..5 {
        ask(&hooks.of_runner(), "https://a.example/").await.unwrap();
    }
    assert_eq!(hooks.counts().failures, BTreeMap::from([("a.example".to_owned(), 4)]));
    assert_eq!(hooks.open(), []);
}

/// Follows tokio's clock, from wherever it is set.
#[derive(Debug)]
struct Set(Instant, Mutex<i64>);

impl Clock for Set {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(*self.1.lock().unwrap() + self.0.elapsed().as_millis() as i64)
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_keeps_nobody_waiting_for_hours() {
    let clock = Arc::new(Set(Instant::now(), Mutex::new(9_000_000_000)));
    let rules = Rules {
        host: Rate { burst: 2, every: Millis::seconds(1) },
        classify: by_path(),
        breaking: Breaking { failures: 1, ..Breaking::default() },
        patience: Millis::seconds(10),
    };
    let hooks = Limited::new(Script(Mutex::new(vec![200, 200, 0])), rules, clock.clone(), None);
    ask(&hooks, "https://a.example/machines/1").await.unwrap();
    assert_eq!(hooks.open().len(), 1, "its breaker is open");
    *clock.1.lock().unwrap() -= Millis::hours(3).as_i64();
    let began = Instant::now();
    ask(&hooks, "https://a.example/machines/1").await.unwrap();
    ask(&hooks.of_runner(), "https://a.example/machines/1").await.unwrap();
    assert_eq!(began.elapsed(), Duration::from_secs(6), "how much was asked before is not known");
}

#[tokio::test(start_paused = true)]
async fn limits_from_outside_are_kept_by_their_name() {
    let limited = limited(Vec::new(), by_path());
    let began = Instant::now();
    ask(&limited, "https://a.example/machines/1").await.unwrap();
    ask(&limited, "https://a.example/machines/2").await.unwrap();
    assert_eq!(began.elapsed(), Duration::ZERO);
    ask(&limited, "https://a.example/machines/1").await.unwrap();
    assert_eq!(began.elapsed(), Duration::from_secs(3));
    for _ in 0..4 {
        // Nobody waits for these; only the fourth would be further away than patience goes.
        let _left =
            tokio::time::timeout(Duration::from_millis(1), ask(&limited, "https://a.example/machines/2"))
                .await;
    }
    let refused = ask(&limited, "https://a.example/machines/2").await.unwrap_err();
    assert!(refused.retry && refused.after > Some(Millis::seconds(10)), "{refused:?}");
    assert!(refused.message.contains("is used up"), "{refused}");
    assert!(limited.counts().refused["a.example"] >= 1);
}

#[tokio::test(start_paused = true)]
async fn a_hook_without_a_limit_asks_one_host_as_often_as_it_likes() {
    let limited = limited(Vec::new(), nothing());
    let free = limited.of_hook("free", Rate { burst: 1, every: Millis::ZERO });
    let began = Instant::now();
    for _ in 0..1_000 {
        ask(&free, "https://a.example/").await.unwrap();
    }
    assert_eq!(began.elapsed(), Duration::ZERO);
    for _ in 0..3 {
        ask(&limited, "https://a.example/").await.unwrap();
    }
    assert_eq!(began.elapsed(), Duration::from_secs(1), "the others keep to the host's two at once");
}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_refuses_and_lets_one_try_through() {
    let limited = limited(vec![0, 503, 0, 200], nothing());
    for _ in 0..3 {
        ask(&limited, "https://a.example/").await.unwrap();
    }
    let refused = ask(&limited, "https://a.example/").await.unwrap_err();
    assert!(refused.retry && refused.after.is_some_and(|after| after <= Millis::seconds(5)), "{refused:?}");
    assert!(refused.message.contains("had no answer"), "{refused}");
    assert_eq!(limited.open().len(), 1);
    ask(&limited, "https://b.example/").await.expect("another host is asked");
    tokio::time::sleep(Duration::from_secs(5)).await;
    ask(&limited, "https://a.example/").await.expect("the try");
    ask(&limited, "https://a.example/").await.expect("it answered");
    assert_eq!((limited.open(), limited.counts().failures["a.example"]), (Vec::new(), 3));
}

#[tokio::test(start_paused = true)]
async fn refused_credentials_stop_their_hook_and_no_other() {
    let limited = limited(vec![401], nothing());
    let rate = Rate { burst: 10, every: Millis::seconds(1) };
    let (wrong, right) = (limited.of_hook("wrong", rate), limited.of_hook("right", rate));
    ask(&wrong, "https://a.example/").await.unwrap();
    let refused = ask(&wrong, "https://a.example/").await.unwrap_err();
    assert!(refused.message.contains("credentials"), "{refused}");
    ask(&right, "https://a.example/").await.expect("its credentials are good");
    let open: Vec<_> = limited.open().into_iter().map(|(name, _)| name).collect();
    assert_eq!(open, ["wrong at a.example"]);
}

#[tokio::test(start_paused = true)]
async fn whoever_refuses_credentials_is_there() {
    let limited = limited(vec![0, 0, 0, 401], nothing());
    let hook = limited.of_hook("wrong", rules_of_a_hook());
    for _ in 0..3 {
        ask(&limited, "https://a.example/").await.unwrap();
    }
    assert_eq!(limited.counts().unreachable.len(), 1);
    tokio::time::sleep(Duration::from_secs(6)).await;
    ask(&hook, "https://a.example/").await.expect("the try");
    assert_eq!(limited.counts().unreachable, BTreeMap::new());
    let open: Vec<_> = limited.open().into_iter().map(|(name, _)| name).collect();
    assert_eq!(open, ["wrong at a.example"]);
    ask(&limited, "https://a.example/").await.expect("others are let through again");
}

#[tokio::test(start_paused = true)]
async fn whoever_says_too_much_is_there() {
    let limited = limited(vec![0, 0, 1, 0, 0, 1, 1, 1, 1], nothing());
    for _ in 0..9 {
        ask(&limited, "https://a.example/").await.unwrap();
    }
    assert_eq!(limited.open(), []);
    assert_eq!(limited.counts().failures["a.example"], 4, "silence is a failure, and too much is none");
}

#[tokio::test(start_paused = true)]
async fn nobody_gets_through_to_a_host_that_does_not_answer_whoever_asks() {
    let limited = limited(vec![0, 503, 0, 0, 200], nothing());
    let (asked, other) = (get("https://a.example/x"), get("https://b.example/x"));
    for _ in 0..2 {
        ask(&limited, "https://a.example/").await.unwrap();
        assert_eq!(limited.away(&asked), None, "that may have been chance");
    }
    ask(&limited, "https://a.example/").await.unwrap();
    let since = BTreeMap::from([("a.example".to_owned(), Timestamp::from_millis(0))]);
    assert_eq!(limited.away(&asked), Some(Millis::seconds(5)));
    assert_eq!(limited.of_hook("any", rules_of_a_hook()).away(&asked), Some(Millis::seconds(5)));
    assert_eq!((limited.away(&other), limited.counts().unreachable), (None, since.clone()));
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!((limited.away(&asked), limited.counts().unreachable), (None, since.clone()), "it is tried");
    ask(&limited, "https://a.example/").await.expect("the try");
    assert_eq!(limited.away(&asked), Some(Millis::seconds(10)), "the try was no attempt either");
    assert_eq!(limited.counts().unreachable, since);
    tokio::time::sleep(Duration::from_secs(10)).await;
    ask(&limited, "https://a.example/").await.expect("the try");
    assert_eq!((limited.away(&asked), limited.counts().unreachable), (None, BTreeMap::new()));
}

fn rules_of_a_hook() -> Rate {
    Rate { burst: 10, every: Millis::seconds(1) }
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_limit_is_kept_back_and_whose_credentials_are_refused_is_not() {
    let limited = limited(vec![401], by_path());
    let hook = limited.of_hook("wrong", rules_of_a_hook());
    ask(&hook, "https://a.example/").await.unwrap();
    ask(&hook, "https://a.example/").await.expect_err("its credentials were refused");
    assert_eq!(hook.away(&get("https://a.example/")), None);
    assert_eq!(limited.counts().unreachable, BTreeMap::new(), "it answers");
    for _ in 0..5 {
        // Nobody waits for these; only the fifth would be further away than patience goes.
        let asked = ask(&limited, "https://a.example/machines/2");
        let _left = tokio::time::timeout(Duration::from_millis(1), asked).await;
    }
    let away = limited.away(&get("https://a.example/machines/2"));
    assert!(away.is_some_and(|away| away > Millis::seconds(10)), "{away:?}");
    assert_eq!(limited.away(&get("https://a.example/machines/3")), None);
}
