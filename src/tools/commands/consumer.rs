//! `consumer`: as `consumerStatus`, for all members.

use super::consumer_status::run;
use crate::command::{Command, Opt};

pub(super) const COMMAND: Command = Command {
    name: "consumer",
    about: "Show the inner state of all members of a consumer group",
    json: true,
    options: &[
        Opt::required('g', "consumerGroup", "Name of the group"),
        Opt::flag('s', "jstack", "Have the clients tell the stacks of their threads"),
    ],
    run: |context| Box::pin(run(context)),
};
