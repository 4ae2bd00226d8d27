package io.kinema.train.launch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kinema.data.command.ConfigException;
import io.kinema.train.dist.rendezvous.Secret;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SecretFileTest {
    private static final String TEXT = "sixteen bytes, ok";

    @TempDir
    Path root;

    private Path write(String text, String permissions) throws IOException {
        Path file = Files.writeString(root.resolve("secret"), text, StandardCharsets.ISO_8859_1);
        return Files.setPosixFilePermissions(file, PosixFilePermissions.fromString(permissions));
    }

    private static String refusal(Path file) {
        String message = assertThrows(ConfigException.class, () -> SecretFile.ofFlag(file.toString()))
                .getMessage();
        assertEquals(1, message.lines().count());
        assertTrue(message.startsWith("--secret-file " + file), message);
        assertFalse(message.contains(TEXT), message);
        return message;
    }

    @Test
    void shouldReadTheSameSecretWithAndWithoutWhiteSpaceAroundIt() throws Exception {
        String plain = SecretFile.ofFlag(write(TEXT, "rw-------").toString()).toHex();
        assertEquals(Secret.of(TEXT.getBytes(StandardCharsets.UTF_8)).toHex(), plain);
        assertEquals(
                plain,
                SecretFile.read(write("\t " + TEXT + " \r\n\n", "r--------")).toHex());
        assertNotEquals(plain, SecretFile.read(write(TEXT + "!", "rw-------")).toHex());
        assertEquals(
                "ff".repeat(16),
                SecretFile.read(write("\u00ff".repeat(16), "rw-------")).toHex());
    }

    @Test
    void shouldTakeNoneAndNothingForNoSecret() {
        assertTrue(SecretFile.ofFlag("").isNone());
        assertTrue(SecretFile.ofFlag("none").isNone());
    }

    @ParameterizedTest
    @ValueSource(strings = {"rw-r-----", "rw----r--", "rw--w----", "rw-rw-rw-", "rw------x"})
    void shouldRefuseAFileThatOthersMayOpen(String permissions) throws Exception {
        Path file = write(TEXT, permissions);
        assertTrue(refusal(file).endsWith(" (" + permissions + "); chmod 600 " + file));
    }

    @Test
    void shouldRefuseWhatHoldsNoSecret() throws Exception {
        String make = "; make one by `umask 077; openssl rand -hex 32 > FILE`";
        assertTrue(refusal(write(" \n", "rw-------")).endsWith(" is empty" + make));
        assertTrue(refusal(write(" fifteen bytes..  ", "rw-------")).endsWith(" has 15 bytes, fewer than 16" + make));
        assertTrue(refusal(write("x".repeat(5_000), "rw-------")).contains(" is longer than 4096 bytes"));
        assertTrue(refusal(root.resolve("nowhere")).contains("cannot be read (java.nio.file.NoSuchFileException: "));
        assertTrue(refusal(root).contains(" is a folder"));
    }

    private static TorchVariables torch(String address) {
        return TorchVariables.of(Map.of("RANK", "0", "WORLD_SIZE", "2", "MASTER_ADDR", address, "MASTER_PORT", "29500"))
                .orElseThrow();
    }

    @ParameterizedTest
    @CsvSource({"192.0.2.1", "nobody-knows-it.invalid", "0.0.0.0"})
    void shouldAskForASecretWhereOtherHostsReachRankZero(String address) throws Exception {
        String message = assertThrows(
                        ConfigException.class, () -> torch(address).secret(""))
                .getMessage();
        assertTrue(
                message.startsWith("MASTER_ADDR=" + address)
                        && message.contains("umask 077; openssl rand -hex 32 > FILE")
                        && message.endsWith("; --secret-file none does without"),
                message);
        assertTrue(torch(address).secret("none").isNone());
        assertFalse(torch(address).secret(write(TEXT, "rw-------").toString()).isNone());
    }

    @ParameterizedTest
    @ValueSource(strings = {"127.0.0.1", "127.1.2.3", "::1", "localhost"})
    void shouldNotAskForASecretOnOneHost(String address) {
        assertTrue(torch(address).secret("").isNone());
    }
}
