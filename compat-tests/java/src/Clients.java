import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.client.consumer.PullStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeOrderlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.consumer.listener.MessageListenerOrderly;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.LocalTransactionState;
import org.apache.rocketmq.client.producer.SendCallback;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.TransactionListener;
import org.apache.rocketmq.client.producer.TransactionMQProducer;
import org.apache.rocketmq.common.TopicConfig;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;

/**
 * The stock client in many ways of use, steered by commands on standard input, words separated
 * by tabs. Each command ends with a line "DONE" or "FAILED"; messages are reported as
 * "SENT index status msgId offsetMsgId queueId queueOffset" and
 * "GOT body queueId queueOffset tags keys reconsumeTimes", tab separated.
 *
 *   send how topic count        how: sync async oneway batch selector ordered tag delay transaction
 *   consume how topic expression count   how: push ordered broadcast retry dead reset pull
 *
 * "dead" refuses every message until it is a dead letter, and reports the dead letters; "reset"
 * consumes everything a second time after an operator has put the group back to the beginning.
 */
public class Clients {
    private static String nameServer;
    private static int serial;

    public static void main(String[] args) throws Exception {
        nameServer = args[0];
        java.util.Scanner in = new java.util.Scanner(System.in, "UTF-8");
        while (in.hasNextLine()) {
            String[] words = in.nextLine().split("\t");
            String end = "DONE";
            try {
                if (words[0].equals("send")) {
                    send(words[1], words[2], Integer.parseInt(words[3]));
                } else if (words[0].equals("consume")) {
                    consume(words[1], words[2], words[3], Integer.parseInt(words[4]));
                } else {
                    throw new IllegalArgumentException("unknown command " + words[0]);
                }
            } catch (Throwable e) {
                end = "FAILED\t" + e;
            }
            say(end);
        }
        System.exit(0);
    }

    private static synchronized void say(String line) {
        System.out.println(line);
        System.out.flush();
    }

    private static void sent(int index, SendResult r) {
        say("SENT\t" + index + "\t" + r.getSendStatus() + "\t" + r.getMsgId() + "\t"
            + r.getOffsetMsgId() + "\t" + r.getMessageQueue().getQueueId() + "\t"
            + r.getQueueOffset());
    }

    private static void got(MessageExt m) {
        say("GOT\t" + new String(m.getBody(), StandardCharsets.UTF_8) + "\t" + m.getQueueId()
            + "\t" + m.getQueueOffset() + "\t" + m.getTags() + "\t" + m.getKeys() + "\t"
            + m.getReconsumeTimes());
    }

    private static Message message(String how, String topic, int i) {
        String tag = how.equals("tag") ? (i % 2 == 0 ? "even" : "odd") : "all";
        byte[] body = (how + " " + i).getBytes(StandardCharsets.UTF_8);
        Message m = new Message(topic, tag, "key-" + how + "-" + i, body);
        if (how.equals("delay")) {
            m.setDelayTimeLevel(1);
        }
        return m;
    }

    private static void send(String how, String topic, int count) throws Exception {
        String group = "PG_" + how;
        DefaultMQProducer producer;
        if (how.equals("transaction")) {
            TransactionMQProducer transactions = new TransactionMQProducer(group);
            transactions.setTransactionListener(new EveryThird());
            producer = transactions;
        } else {
            producer = new DefaultMQProducer(group);
        }
        producer.setNamesrvAddr(nameServer);
        producer.setSendMsgTimeout(20_000);
        producer.setInstanceName("i" + (++serial));
        producer.start();
        try {
            switch (how) {
                case "async": sendAsync(producer, topic, count); break;
                case "batch": sendBatch(producer, topic, count); break;
                default:
                    for (int i = 0; i < count; i++) {
                        sendOne(producer, how, message(how, topic, i), i);
                    }
            }
        } finally {
            producer.shutdown();
        }
    }

    private static void sendOne(DefaultMQProducer producer, String how, Message m, int i)
        throws Exception {
        switch (how) {
            case "oneway":
                producer.sendOneway(m);
                say("SENT\t" + i + "\tONEWAY");
                break;
            case "selector":
            case "ordered":
                sent(i, producer.send(m, (queues, message, key) ->
                    queues.get((Integer) key % queues.size()), how.equals("ordered") ? 1 : i));
                break;
            case "transaction":
                sent(i, ((TransactionMQProducer) producer).sendMessageInTransaction(m, i));
                break;
            default:
                sent(i, producer.send(m));
        }
    }

    private static void sendAsync(DefaultMQProducer producer, String topic, int count)
        throws Exception {
        // Threads that find no connection close those that the others have just made: a bug of
        // 4.4.0's client (NettyRemotingClient.createChannel), which loses a send or two.
        sent(0, producer.send(message("async", topic, 0)));
        CountDownLatch left = new CountDownLatch(count - 1);
        for (int i = 1; i < count; i++) {
            int index = i;
            producer.send(message("async", topic, i), new SendCallback() {
                @Override
                public void onSuccess(SendResult r) {
                    sent(index, r);
                    left.countDown();
                }

                @Override
                public void onException(Throwable e) {
                    say("LOST\t" + index + "\t" + e);
                    left.countDown();
                }
            });
        }
        if (!left.await(30, TimeUnit.SECONDS)) {
            throw new IllegalStateException(left.getCount() + " sends without an end");
        }
    }

    private static void sendBatch(DefaultMQProducer producer, String topic, int count)
        throws Exception {
        List<Message> batch = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            batch.add(message("batch", topic, i));
            if (batch.size() == 10 || i == count - 1) {
                sent(i, producer.send(batch));
                batch.clear();
            }
        }
    }

    /** Commits two of three, rolls the third one back. */
    private static class EveryThird implements TransactionListener {
        @Override
        public LocalTransactionState executeLocalTransaction(Message m, Object index) {
            return (Integer) index % 3 == 2 ? LocalTransactionState.ROLLBACK_MESSAGE
                : LocalTransactionState.COMMIT_MESSAGE;
        }

        @Override
        public LocalTransactionState checkLocalTransaction(MessageExt m) {
            return LocalTransactionState.COMMIT_MESSAGE;
        }
    }

    private static void consume(String how, String topic, String expression, int count)
        throws Exception {
        if (how.equals("pull")) {
            pull(topic, expression, count);
            return;
        }
        DefaultMQPushConsumer consumer = new DefaultMQPushConsumer("CG_" + how + "_" + topic);
        consumer.setNamesrvAddr(nameServer);
        consumer.setInstanceName("i" + (++serial));
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        if (how.equals("broadcast")) {
            broadcasts(consumer);
        }
        if (how.equals("dead")) {
            consumer.setMaxReconsumeTimes(1);
        }
        consumer.subscribe(topic, expression);
        CountDownLatch left = new CountDownLatch(how.equals("reset") ? 2 * count : count);
        if (how.equals("ordered")) {
            consumer.registerMessageListener((MessageListenerOrderly) (messages, context) -> {
                messages.forEach(m -> {
                    got(m);
                    left.countDown();
                });
                return ConsumeOrderlyStatus.SUCCESS;
            });
        } else {
            Set<String> refused = Collections.newSetFromMap(new ConcurrentHashMap<>());
            consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
                MessageExt first = messages.get(0);
                boolean last = how.equals("dead") && first.getReconsumeTimes() > 0;
                if (last) {
                    left.countDown();
                }
                if (how.equals("dead") || how.equals("retry") && refused.add(first.getKeys())) {
                    context.setDelayLevelWhenNextConsume(1);
                    return ConsumeConcurrentlyStatus.RECONSUME_LATER;
                }
                messages.forEach(m -> {
                    got(m);
                    left.countDown();
                });
                return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
            });
        }
        consumer.start();
        if (how.equals("reset")) {
            while (left.getCount() > count) {
                Thread.sleep(20);
            }
            reset(topic, consumer.getConsumerGroup());
        }
        boolean all = left.await(60, TimeUnit.SECONDS);
        if (how.equals("dead") && all) {
            // The last ones are still on their way back to the broker.
            deadLetters("%DLQ%" + consumer.getConsumerGroup(), count);
        }
        consumer.shutdown();
        if (!all) {
            throw new IllegalStateException(left.getCount() + " messages did not come");
        }
    }

    private interface Administration {
        void run(DefaultMQAdminExt admin) throws Exception;
    }

    /** Does something as an operator, again and again until it can be done. */
    private static void administrate(Administration what) throws Exception {
        DefaultMQAdminExt admin = new DefaultMQAdminExt();
        admin.setNamesrvAddr(nameServer);
        admin.setInstanceName("i" + (++serial));
        admin.start();
        long end = System.currentTimeMillis() + 30_000;
        try {
            for (;;) {
                try {
                    what.run(admin);
                    return;
                } catch (Exception e) {
                    if (System.currentTimeMillis() > end) {
                        throw e;
                    }
                    Thread.sleep(200);
                }
            }
        } finally {
            admin.shutdown();
        }
    }

    private static void reset(String topic, String group) throws Exception {
        // Refused until the group has stored an offset for each queue.
        administrate(admin -> admin.resetOffsetByTimestamp(topic, group, 0, true));
    }

    /** Makes a topic of dead letters readable, which it is not by itself, and reads it. */
    private static void deadLetters(String topic, int count) throws Exception {
        administrate(admin -> {
            TopicConfig config = new TopicConfig(topic);
            config.setReadQueueNums(1);
            config.setWriteQueueNums(1);
            config.setPerm(6);
            String broker = admin.examineTopicRouteInfo(topic).getBrokerDatas().get(0)
                .getBrokerAddrs().get(0L);
            admin.createAndUpdateTopicConfig(broker, config);
        });
        administrate(admin -> {
            long stored = admin.examineTopicStats(topic).getOffsetTable().values().stream()
                .mapToLong(offsets -> offsets.getMaxOffset()).sum();
            if (stored < count) {
                throw new IllegalStateException(stored + " dead letters");
            }
        });
        pull(topic, "*", count);
    }

    /** The type of the model has moved to another package in 5.x. */
    @SuppressWarnings({"unchecked", "rawtypes"})
    private static void broadcasts(DefaultMQPushConsumer consumer) throws Exception {
        for (java.lang.reflect.Method setter : DefaultMQPushConsumer.class.getMethods()) {
            if (setter.getName().equals("setMessageModel")) {
                Class model = setter.getParameterTypes()[0];
                setter.invoke(consumer, Enum.valueOf(model, "BROADCASTING"));
            }
        }
    }

    /** None while the name server does not know a topic that was just made. */
    private static Set<MessageQueue> queues(DefaultMQPullConsumer consumer, String topic)
        throws Exception {
        try {
            return consumer.fetchSubscribeMessageQueues(topic);
        } catch (MQClientException e) {
            Thread.sleep(50);
            return Collections.emptySet();
        }
    }

    private static void pull(String topic, String expression, int count) throws Exception {
        DefaultMQPullConsumer consumer = new DefaultMQPullConsumer("CG_pull_" + topic);
        consumer.setNamesrvAddr(nameServer);
        consumer.setInstanceName("i" + (++serial));
        consumer.start();
        int found = 0;
        Map<MessageQueue, Long> next = new HashMap<>();
        // What was sent one-way may still be on its way.
        long end = System.currentTimeMillis() + 30_000;
        try {
            do {
                for (MessageQueue queue : queues(consumer, topic)) {
                    long offset = next.containsKey(queue) ? next.get(queue)
                        : consumer.minOffset(queue);
                    PullResult result = consumer.pull(queue, expression, offset, 32);
                    if (result.getPullStatus() == PullStatus.FOUND) {
                        for (MessageExt m : result.getMsgFoundList()) {
                            got(m);
                            found++;
                        }
                    }
                    next.put(queue, result.getNextBeginOffset());
                    consumer.updateConsumeOffset(queue, result.getNextBeginOffset());
                }
            } while (found < count && System.currentTimeMillis() < end);
        } finally {
            consumer.shutdown();
        }
        if (found != count) {
            throw new IllegalStateException(found + " messages instead of " + count);
        }
    }
}
