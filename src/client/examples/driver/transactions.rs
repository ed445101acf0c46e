//! Transactions that go as planned, see `Transactions.java`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use client::{
    ConsumeFrom, ConsumeStatus, Message, Producer, PushConsumer, Received, TransactionState,
};

use crate::{Failure, finish, next_command, or_null, say};

/// How often conditions are looked at.
const LOOK: Duration = Duration::from_millis(20);
/// How long messages may take to come.
const PATIENCE: Duration = Duration::from_secs(40);

struct Shared {
    /// What each transaction answers, one letter a question.
    plans: Mutex<HashMap<String, String>>,
    /// When there was a question last.
    asked: Mutex<Instant>,
}

impl Shared {
    fn next(&self, key: &str) -> TransactionState {
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(plan) = plans.get_mut(key) else {
            return TransactionState::Unknown;
        };
        let letter = plan.chars().next();
        if plan.len() > 1 {
            plan.remove(0);
        }
        match letter {
            Some('C') => TransactionState::Commit,
            Some('R') => TransactionState::Rollback,
            _ => TransactionState::Unknown,
        }
    }

    fn check(&self, message: &Received) -> TransactionState {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        let key = message.property("KEYS").unwrap_or_default();
        say(&format!(
            "CHECKED\t{key}\t{}\t{}\t{}",
            or_null(message.property("TRANSACTION_CHECK_TIMES")),
            message.topic(),
            message.queue_id >= 0
        ));
        self.next(key)
    }
}

pub(crate) async fn run(name_servers: &str, group: &str) -> Result<(), Failure> {
    let shared = Arc::new(Shared { plans: Mutex::default(), asked: Mutex::new(Instant::now()) });
    let asked = Arc::clone(&shared);
    let producer = Producer::builder(group)
        .name_servers(name_servers)
        .periods(Duration::from_secs(30), Duration::from_millis(500))
        .check_back(move |message| std::future::ready(asked.check(&message)))
        .start()
        .await?;
    let mut serial = 0;
    while let Some(words) = next_command()? {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        finish(match words.as_slice() {
            ["send", topic, key, plan, rest @ ..] => {
                send(&producer, &shared, (topic, key, plan), rest.first().copied()).await
            }
            ["quiet", seconds] => quiet(&shared, seconds.parse()?).await,
            ["consume", topic, count, seconds] => {
                serial += 1;
                let group = format!("CG_{topic}{serial}");
                consume(name_servers, &group, topic, (count.parse()?, seconds.parse()?)).await
            }
            _ => Err("unknown command".into()),
        });
    }
    producer.shutdown().await;
    Ok(())
}

async fn send(
    producer: &Producer,
    shared: &Shared,
    (topic, key, plan): (&str, &str, &str),
    property: Option<&str>,
) -> Result<(), Failure> {
    let mut message = Message::new(topic, "tag", key.to_owned()).keys(&[key]);
    if let Some((name, value)) = property.and_then(|pair| pair.split_once('=')) {
        message = message.property(name, value);
    }
    {
        let mut plans = shared.plans.lock().unwrap_or_else(PoisonError::into_inner);
        plans.insert(key.to_owned(), plan.to_owned());
    }
    let local = |_| std::future::ready(shared.next(key));
    let sent = producer.send_in_transaction(&message, local).await?.sent;
    say(&format!("SENT\t{key}\t{}\t{}", sent.status.name(), sent.queue_offset));
    Ok(())
}

async fn quiet(shared: &Shared, seconds: u64) -> Result<(), Failure> {
    let start = Instant::now();
    loop {
        let asked = *shared.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.max(start).elapsed() >= Duration::from_secs(seconds) {
            return Ok(());
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn consume(
    name_servers: &str,
    group: &str,
    topic: &str,
    (count, seconds): (usize, u64),
) -> Result<(), Failure> {
    let start = Instant::now();
    let seen = Arc::new(Mutex::new((0, start)));
    let noted = Arc::clone(&seen);
    let handler = move |m: Received| {
        let property = |name| or_null(m.property(name)).to_owned();
        say(&format!(
            "GOT\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}",
            property("KEYS"),
            m.topic(),
            property("REAL_TOPIC"),
            m.queue_id.to_string() == property("REAL_QID"),
            property("TRAN_MSG"),
            property("PGROUP"),
            property("TRANSACTION_CHECK_TIMES"),
            m.sys_flag
        ));
        let mut seen = noted.lock().unwrap_or_else(PoisonError::into_inner);
        *seen = (seen.0 + 1, Instant::now());
        std::future::ready(ConsumeStatus::Success)
    };
    let consumer = PushConsumer::builder(group)
        .name_servers(name_servers)
        .consume_from(ConsumeFrom::First)
        .subscribe(topic, "*")
        .start(handler)
        .await?;
    let ended = loop {
        let (found, last) = *seen.lock().unwrap_or_else(PoisonError::into_inner);
        if found >= count && last.max(start).elapsed() > Duration::from_secs(seconds) {
            break Ok(());
        }
        if start.elapsed() > PATIENCE {
            break Err(format!("{found} messages of {count}").into());
        }
        tokio::time::sleep(LOOK).await;
    };
    consumer.shutdown().await;
    ended
}
