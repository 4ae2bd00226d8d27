package io.kinema;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** The rooms of the trainer and of the data pipeline, and in which directions they may see each other. */
final class PackagesTest {
    private static final String ROOT = "io.kinema.";

    /** From the ground up: a package sees packages before itself only. docs/architecture.md says what lives in each. */
    private static final List<String> GROUND_UP = List.of(
            "data.command",
            "data.storage",
            "data.spark",
            "data.order",
            "data.video",
            "data.shard",
            "data.clip",
            "data.synth",
            "data",
            "train.tensor",
            "train.tensor.cpu",
            "train.tensor.nd4j",
            "train.device",
            "train.metrics",
            "train.optim",
            "train.model",
            "train.diffusion",
            "train.checkpoint",
            "train.dist",
            "train.dist.reduction",
            "train.dist.rendezvous",
            "train.dist.transport",
            "train.dist.collective",
            "train.dist.process",
            "train.run",
            "train.input",
            "train.sample",
            "train.evaluate",
            "train.step",
            "train.save",
            "train.memory",
            "train.rank",
            "train.launch",
            "train.sweep",
            "train");

    private static final JavaClasses CLASSES = new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages("io.kinema.data", "io.kinema.train");

    @Test
    void shouldNameEveryPackage() {
        TreeSet<String> found = CLASSES.stream()
                .map(JavaClass::getPackageName)
                .map(name -> name.substring(ROOT.length()))
                .collect(Collectors.toCollection(TreeSet::new));

        assertEquals(new TreeSet<>(GROUND_UP), found);
    }

    @Test
    void shouldHaveNoCircleOfPackages() {
        slices().matching(ROOT + "(**)").should().beFreeOfCycles().check(CLASSES);
    }

    @Test
    void shouldSeeOnlyPackagesBelow() {
        for (int i = 0; i + 1 < GROUND_UP.size(); i++) {
            String[] above = GROUND_UP.subList(i + 1, GROUND_UP.size()).stream()
                    .map(name -> ROOT + name)
                    .toArray(String[]::new);
            noClasses()
                    .that()
                    .resideInAPackage(ROOT + GROUND_UP.get(i))
                    .should()
                    .dependOnClassesThat()
                    .resideInAnyPackage(above)
                    .check(CLASSES);
        }
    }

    @Test
    void shouldKeepTheModelFromProcesses() {
        noClasses()
                .that()
                .resideInAnyPackage(ROOT + "train.model", ROOT + "train.tensor..", ROOT + "train.diffusion")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(ROOT + "train.dist..", ROOT + "train.step", ROOT + "train.launch")
                .because("a network knows nothing of ranks")
                .check(CLASSES);
    }

    @Test
    void shouldNameDevicesInOneRoomOnly() {
        noClasses()
                .that()
                .resideOutsideOfPackages(ROOT + "train.tensor.cpu", ROOT + "train.tensor.nd4j", ROOT + "train.device")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(ROOT + "train.tensor.cpu", ROOT + "train.tensor.nd4j")
                .because("a new device is one more line in train.device")
                .check(CLASSES);
    }
}
