package io.kinema.recaption;

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

/** The rooms of the recaption module, and in which directions they may see each other. */
final class RecaptionPackagesTest {
    private static final String ROOT = "io.kinema.";

    /** From the ground up: a package sees packages before itself only. */
    private static final List<String> GROUND_UP = List.of(
            "recaption.captioner",
            "recaption.captioner.layer",
            "recaption.captioner.network",
            "recaption.captioner.training",
            "recaption.captioner.served",
            "recaption.captioner.onnx",
            "recaption.captioner.expander",
            "recaption.measure",
            "recaption.run",
            "recaption.score",
            "recaption.show",
            "recaption");

    private static final List<String> KINDS_OF_CAPTIONER = List.of(
            "recaption.captioner.network",
            "recaption.captioner.training",
            "recaption.captioner.served",
            "recaption.captioner.onnx");

    private static final JavaClasses CLASSES = new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages("io.kinema.recaption");

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
    void shouldChooseTheCaptionerInOneClassOnly() {
        noClasses()
                .that()
                .resideInAPackage(ROOT + "recaption.run")
                .and()
                .haveNameNotMatching(".*\\.(CaptionerChoice|RunFlags)(\\$.*)?")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(
                        KINDS_OF_CAPTIONER.stream().map(name -> ROOT + name).toArray(String[]::new))
                .because("a new captioner is one more line in CaptionerChoice and in RunFlags")
                .check(CLASSES);
    }
}
