import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.Arrays;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.tools.command.MQAdminStartup;
import org.apache.rocketmq.tools.command.SubCommand;
import org.apache.rocketmq.tools.command.consumer.ConsumerSubCommand;
import org.apache.rocketmq.tools.command.message.DecodeMessageIdCommond;
import org.apache.rocketmq.tools.command.offset.GetConsumerStatusCommand;
import org.apache.rocketmq.tools.command.offset.ResetOffsetByTimeOldCommand;

/**
 * The stock mqadmin as one process for many commands, and members of groups for it to look at.
 * One order a line on standard input, words separated by tabs:
 *
 *   run milliseconds command...   as mqadmin would; stopped after that time
 *   consume group topic           joins a consumer group
 *   produce group topic           joins a producer group
 *   tools content                 makes this the content of tools.yml, "|" ends a line
 *
 * Every order ends with a line "DONE"; before it, "run" tells in hexadecimal digits what was printed:
 * "OUT digits" and "ERR digits".
 */
public class AdminSession {
    private static final PrintStream ANSWERS = System.out;

    /** The list of commands, which grows with every run. */
    private static class Commands extends MQAdminStartup {
        static void forget() {
            subCommandList.clear();
        }
    }

    public static void main(String[] args) throws Exception {
        String nameServer = args[0];
        BufferedReader orders = new BufferedReader(new InputStreamReader(System.in, "UTF-8"));
        String line;
        while ((line = orders.readLine()) != null) {
            String[] words = line.split("\t", -1);
            switch (words[0]) {
                case "run":
                    run(Long.parseLong(words[1]), Arrays.copyOfRange(words, 2, words.length));
                    break;
                case "consume":
                    consume(nameServer, words[1], words[2]);
                    break;
                case "produce":
                    produce(nameServer, words[1], words[2]);
                    break;
                case "tools":
                    Path file = Paths.get(System.getenv("ROCKETMQ_HOME"), "conf", "tools.yml");
                    Files.write(file, words[1].replace('|', '\n').getBytes("UTF-8"));
                    break;
                default:
                    throw new IllegalArgumentException(line);
            }
            answer("DONE");
        }
        // Clients leave threads behind.
        System.exit(0);
    }

    private static void answer(String line) {
        ANSWERS.println(line);
        ANSWERS.flush();
    }

    private static void run(long limit, String[] words) throws Exception {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        System.setOut(new PrintStream(out, true, "UTF-8"));
        System.setErr(new PrintStream(err, true, "UTF-8"));
        // Commands keep clients that cannot be used again, and the name server of the last one.
        Commands.forget();
        System.clearProperty("rocketmq.namesrv.addr");
        if (words.length > 0) {
            offerWhatIsNotOffered(words[words[0].equals("help") && words.length > 1 ? 1 : 0]);
        }
        Thread command = new Thread(() -> MQAdminStartup.main0(words, null));
        command.start();
        command.join(limit);
        String[] printed = {hex(out), hex(err)};
        while (command.isAlive()) {
            command.interrupt();
            command.join(1000);
        }
        if (printed[0].isEmpty()) {
            printed = new String[] {hex(out), hex(err)};
        }
        answer("OUT " + printed[0]);
        answer("ERR " + printed[1]);
    }

    private static void offerWhatIsNotOffered(String name) {
        SubCommand[] all = {new GetConsumerStatusCommand(), new ResetOffsetByTimeOldCommand(),
            new ConsumerSubCommand(), new DecodeMessageIdCommond()};
        for (SubCommand command : all) {
            if (command.commandName().equals(name)) {
                MQAdminStartup.initCommand(command);
            }
        }
    }

    private static String hex(ByteArrayOutputStream bytes) {
        StringBuilder digits = new StringBuilder();
        for (byte b : bytes.toByteArray()) {
            digits.append(String.format("%02x", b));
        }
        return digits.toString();
    }

    private static void consume(String nameServer, String group, String topic) throws Exception {
        DefaultMQPushConsumer consumer = new DefaultMQPushConsumer(group);
        consumer.setNamesrvAddr(nameServer);
        consumer.setClientIP("127.0.0.1");
        consumer.setInstanceName("member-" + group);
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        consumer.subscribe(topic, "TagA || TagB");
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) ->
            ConsumeConcurrentlyStatus.CONSUME_SUCCESS);
        consumer.start();
    }

    private static void produce(String nameServer, String group, String topic) throws Exception {
        DefaultMQProducer producer = new DefaultMQProducer(group);
        producer.setNamesrvAddr(nameServer);
        producer.setClientIP("127.0.0.1");
        producer.setInstanceName("member-" + group);
        producer.start();
        producer.send(new Message(topic, "TagC", "from a member".getBytes("UTF-8")));
        // Brokers learn of producers from heartbeats.
        producer.getDefaultMQProducerImpl().getmQClientFactory().sendHeartbeatToAllBrokerWithLock();
    }
}
