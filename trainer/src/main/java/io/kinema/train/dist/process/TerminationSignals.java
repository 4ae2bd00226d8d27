package io.kinema.train.dist.process;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * Takes SIGTERM, SIGINT and SIGHUP over from the JVM, which would exit at once, until closed.
 *
 * <p>In a terminal Ctrl-C reaches launcher and ranks alike, and the launcher passes it on: a rank hears of the same
 * stop twice and should only note that it is to stop.
 *
 * <p>{@code sun.misc.Signal} is the JDK's only way to do this; javac warns about its mere name, hence the reflection.
 */
public final class TerminationSignals implements AutoCloseable {
    private static final List<String> NAMES = List.of("TERM", "INT", "HUP");

    private final Method handle;
    private final List<Object> signals = new ArrayList<>();
    private final List<Object> previous = new ArrayList<>();

    private TerminationSignals(Method handle) {
        this.handle = handle;
    }

    /**
     * Handles the signals from now on.
     *
     * @param onSignal called on a thread of its own with "SIGTERM", "SIGINT" or "SIGHUP"
     * @return what gives them back to the JVM when closed
     */
    public static TerminationSignals install(Consumer<String> onSignal) {
        try {
            Class<?> signalClass = Class.forName("sun.misc.Signal");
            Class<?> handlerClass = Class.forName("sun.misc.SignalHandler");
            InvocationHandler calls = (proxy, method, arguments) -> switch (method.getName()) {
                case "handle" -> {
                    onSignal.accept(arguments[0].toString());
                    yield null;
                }
                case "equals" -> proxy == arguments[0];
                case "hashCode" -> System.identityHashCode(proxy);
                default -> "TerminationSignals";
            };
            Object handler = Proxy.newProxyInstance(
                    TerminationSignals.class.getClassLoader(), new Class<?>[] {handlerClass}, calls);
            TerminationSignals installed =
                    new TerminationSignals(signalClass.getMethod("handle", signalClass, handlerClass));
            for (String name : NAMES) {
                Object signal = signalClass.getConstructor(String.class).newInstance(name);
                installed.signals.add(signal);
                installed.previous.add(installed.handle.invoke(null, signal, handler));
            }
            return installed;
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("this JVM does not let programs handle signals", e);
        }
    }

    @Override
    public void close() {
        try {
            for (int i = 0; i < signals.size(); i++) {
                handle.invoke(null, signals.get(i), previous.get(i));
            }
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("signals could be taken but not given back", e);
        }
        signals.clear();
    }
}
