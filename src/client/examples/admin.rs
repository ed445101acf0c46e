//! Looks at a cluster. With servers on this machine:
//!
//!     cargo run -p client --example admin -- 127.0.0.1:9876
//!
//! An access key and a secret behind the address sign the requests.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use client::{Admin, ClientError, Credentials, Settings};

#[tokio::main]
async fn main() -> Result<(), ClientError> {
    let mut words = std::env::args().skip(1);
    let name_servers = words.next().unwrap_or_else(|| "127.0.0.1:9876".to_owned());
    let mut settings = Settings::new("example_admin", name_servers);
    if let (Some(access_key), Some(secret)) = (words.next(), words.next()) {
        settings = settings.signed_by(Credentials::new(access_key, &secret));
    }
    let admin = Admin::start(settings, false).await?;
    for (name, broker) in admin.clusters().await?.broker_addr_table {
        println!("{name}: {:?}", broker.broker_addrs);
    }
    for topic in admin.topics().await? {
        let stats = admin.topic_stats(&topic).await;
        let count = stats.map(|stats| {
            let each = stats.offset_table.values().map(|it| it.max_offset - it.min_offset);
            each.sum::<i64>()
        });
        match count {
            Ok(count) => println!("{topic}: {count} messages"),
            Err(error) => println!("{topic}: {error}"),
        }
    }
    admin.shutdown().await;
    Ok(())
}
