import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.producer.LocalTransactionState;
import org.apache.rocketmq.client.producer.TransactionListener;
import org.apache.rocketmq.client.producer.TransactionMQProducer;
import org.apache.rocketmq.client.producer.TransactionSendResult;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;

/**
 * A transactional producer that does as it is told, on standard input, words separated by tabs.
 * Each command ends with a line "DONE" or "FAILED".
 *
 *   send topic key plan [property=value]
 *       Sends a half message. The plan has a letter for the local transaction and one for each
 *       check: C commit, R rollback, U unknown; the last letter counts for all further checks.
 *       "SENT key status queueOffset" and for each check "CHECKED key checkTimes topic queueId".
 *   quiet seconds
 *       Waits until there was no check for so long.
 *   consume topic count seconds
 *       "GOT key topic realTopic realQueue halfFlag group checkTimes", until there were that many
 *       and none for so many seconds.
 */
public class Transactions {
    private static final Map<String, String> PLANS = new ConcurrentHashMap<>();
    private static final AtomicLong LAST = new AtomicLong(System.currentTimeMillis());
    private static String nameServer;
    private static int serial;

    public static void main(String[] args) throws Exception {
        nameServer = args[0];
        TransactionMQProducer producer = new TransactionMQProducer(args[1]);
        producer.setNamesrvAddr(nameServer);
        producer.setHeartbeatBrokerInterval(500);
        producer.setTransactionListener(new Planned());
        producer.start();
        java.util.Scanner in = new java.util.Scanner(System.in, "UTF-8");
        while (in.hasNextLine()) {
            String[] words = in.nextLine().split("\t");
            String end = "DONE";
            try {
                switch (words[0]) {
                    case "send": send(producer, words); break;
                    case "quiet": quiet(Integer.parseInt(words[1])); break;
                    case "consume":
                        consume(words[1], Integer.parseInt(words[2]), Integer.parseInt(words[3]));
                        break;
                    default: throw new IllegalArgumentException("unknown command " + words[0]);
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

    private static void send(TransactionMQProducer producer, String[] words) throws Exception {
        Message m = new Message(words[1], "tag", words[2], words[2].getBytes(StandardCharsets.UTF_8));
        if (words.length > 4) {
            String[] pair = words[4].split("=");
            m.putUserProperty(pair[0], pair[1]);
        }
        PLANS.put(words[2], words[3]);
        TransactionSendResult r = producer.sendMessageInTransaction(m, null);
        say("SENT\t" + words[2] + "\t" + r.getSendStatus() + "\t" + r.getQueueOffset());
    }

    private static void quiet(int seconds) throws Exception {
        long start = System.currentTimeMillis();
        while (System.currentTimeMillis() - Math.max(start, LAST.get()) < seconds * 1000L) {
            Thread.sleep(20);
        }
    }

    private static class Planned implements TransactionListener {
        @Override
        public LocalTransactionState executeLocalTransaction(Message m, Object arg) {
            return next(m.getKeys());
        }

        @Override
        public LocalTransactionState checkLocalTransaction(MessageExt m) {
            LAST.set(System.currentTimeMillis());
            say("CHECKED\t" + m.getKeys() + "\t" + m.getProperty("TRANSACTION_CHECK_TIMES") + "\t"
                + m.getTopic() + "\t" + (m.getQueueId() >= 0));
            return PLANS.containsKey(m.getKeys()) ? next(m.getKeys()) : LocalTransactionState.UNKNOW;
        }
    }

    private static LocalTransactionState next(String key) {
        String plan = PLANS.get(key);
        if (plan.length() > 1) {
            PLANS.put(key, plan.substring(1));
        }
        switch (plan.charAt(0)) {
            case 'C': return LocalTransactionState.COMMIT_MESSAGE;
            case 'R': return LocalTransactionState.ROLLBACK_MESSAGE;
            default: return LocalTransactionState.UNKNOW;
        }
    }

    private static void consume(String topic, int count, int seconds) throws Exception {
        DefaultMQPushConsumer consumer = new DefaultMQPushConsumer("CG_" + topic + (++serial));
        consumer.setNamesrvAddr(nameServer);
        consumer.setInstanceName("consumer" + serial);
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        consumer.subscribe(topic, "*");
        AtomicLong found = new AtomicLong();
        AtomicLong last = new AtomicLong(System.currentTimeMillis());
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            for (MessageExt m : messages) {
                say("GOT\t" + m.getKeys() + "\t" + m.getTopic() + "\t" + m.getProperty("REAL_TOPIC")
                    + "\t" + String.valueOf(m.getQueueId()).equals(m.getProperty("REAL_QID"))
                    + "\t" + m.getProperty("TRAN_MSG") + "\t" + m.getProperty("PGROUP") + "\t"
                    + m.getProperty("TRANSACTION_CHECK_TIMES") + "\t" + m.getSysFlag());
                found.incrementAndGet();
                last.set(System.currentTimeMillis());
            }
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        long start = System.currentTimeMillis();
        for (;;) {
            long now = System.currentTimeMillis();
            if (found.get() >= count && now - Math.max(start, last.get()) > seconds * 1000L) {
                break;
            }
            if (now - start > 40_000) {
                throw new IllegalStateException(found + " messages of " + count);
            }
            Thread.sleep(20);
        }
        consumer.shutdown();
    }
}
