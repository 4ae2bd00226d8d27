# Sourced by every launch script: finds JDK 25, and builds when the sources are newer than the last build.
# Sets the environment and the JVM's flags, here and nowhere else.
set -euo pipefail

# The scripts are in launch/ of the sources, or in bin/ of an archive, which has all programs in lib/.
KINEMA_SCRIPTS=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
KINEMA_HOME=$(dirname "$KINEMA_SCRIPTS")
export KINEMA_HOME KINEMA_SCRIPTS
KINEMA_JAVA_RELEASE=25

# Java reads arguments and file names in the locale's encoding. Bare containers have none, or one that is not installed.
if [ "$(locale charmap 2>/dev/null)" != UTF-8 ]; then
  export LC_ALL=C.UTF-8
fi

# Every native library would bring a spinning thread pool of its own; two pools on the same cores cost a factor of four.
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
export OPENBLAS_NUM_THREADS=${OPENBLAS_NUM_THREADS:-1}

# HotSpot's compiler threads would each keep a heap of their own of what they have used.
export MALLOC_ARENA_MAX=${MALLOC_ARENA_MAX:-1}

# What jvm.flags in pom.xml has, and the collector.
# Agrona, Arrow, ND4J and Spark reach into the JDK; none has a public way to do so yet.
KINEMA_JVM_FLAGS=(
  -XX:+UseParallelGC
  # Tensors are outside the heap, which would begin with a share of the machine's memory in every process.
  -Xms256m
  # What the compiler has used to compile goes back to the system.
  -XX:TrimNativeHeapInterval=5000
  # JavaCPP would read the process's size from /proc at every allocation; workspaces keep memory flat without it.
  -Dorg.bytedeco.javacpp.maxPhysicalBytes=0
  --add-modules=jdk.incubator.vector
  "-XX:CompileCommandFile=$KINEMA_SCRIPTS/hotspot.compiler"
  --enable-native-access=ALL-UNNAMED
  --sun-misc-unsafe-memory-access=allow
  --add-opens=java.base/java.lang=ALL-UNNAMED
  --add-opens=java.base/java.lang.invoke=ALL-UNNAMED
  --add-opens=java.base/java.nio=ALL-UNNAMED
  --add-opens=java.base/java.util=ALL-UNNAMED
  --add-opens=java.base/java.util.concurrent=ALL-UNNAMED
  --add-opens=java.base/jdk.internal.misc=ALL-UNNAMED
  --add-opens=java.base/sun.nio.ch=ALL-UNNAMED
)

kinema_fail() {
  echo "error: $*" >&2
  exit 2
}

# A JDK says its version in the file `release`, which is quicker to read than to start it.
kinema_is_jdk() {
  [ -x "$1/bin/javac" ] && grep -qE "^JAVA_VERSION=\"$KINEMA_JAVA_RELEASE([.+\"]|$)" "$1/release" 2>/dev/null
}

kinema_find_jdk() {
  local on_path candidate
  on_path=$(command -v javac || true)
  [ -n "$on_path" ] && on_path=$(dirname "$(dirname "$(readlink -f "$on_path")")")
  for candidate in "${JAVA_HOME:-}" "$on_path" \
      /usr/lib/jvm/*"$KINEMA_JAVA_RELEASE"* /opt/*jdk*"$KINEMA_JAVA_RELEASE"* /opt/java/* \
      "$HOME"/.sdkman/candidates/java/"$KINEMA_JAVA_RELEASE"* "$HOME"/.jdks/*"$KINEMA_JAVA_RELEASE"* \
      /Library/Java/JavaVirtualMachines/*"$KINEMA_JAVA_RELEASE"*/Contents/Home; do
    if [ -n "$candidate" ] && kinema_is_jdk "$candidate"; then
      echo "$candidate"
      return
    fi
  done
}

JAVA_HOME=$(kinema_find_jdk)
[ -n "$JAVA_HOME" ] || kinema_fail "no JDK $KINEMA_JAVA_RELEASE in JAVA_HOME, on the PATH or in the usual folders;" \
  "install one (for instance Eclipse Temurin $KINEMA_JAVA_RELEASE) or point JAVA_HOME at it"
export JAVA_HOME

# The modules that a program of this one needs, itself last: each needs those before it.
kinema_modules() {
  local module chain="data-pipeline trainer benchmarks"
  [ "$1" != recaption ] || chain="data-pipeline recaption"
  for module in $chain; do
    echo "$module"
    [ "$module" != "$1" ] || return 0
  done
}

# Whether a module has its jar, no source of the module is newer than its last build, and that build was for the same
# profiles.
kinema_is_current() {
  local built=$KINEMA_HOME/$1/target/built
  [ -e "$built" ] && [ "$(cat "$built")" = "${KINEMA_MAVEN_ARGS:-}" ] \
    && [ -s "$KINEMA_HOME/$1/target/classpath.txt" ] && [ -n "$(kinema_jar "$1")" ] \
    && [ -z "$(cd "$KINEMA_HOME" && find pom.xml "$1/pom.xml" "$1/src/main" -newer "$built" -print -quit)" ]
}

# Whether a module and those that it needs are current, and each was built after those that it needs.
kinema_is_built() {
  local module before=
  for module in $(kinema_modules "$1"); do
    kinema_is_current "$module" || return 1
    [ -z "$before" ] || [ ! "$KINEMA_HOME/$before/target/built" -nt "$KINEMA_HOME/$module/target/built" ] || return 1
    before=$module
  done
}

kinema_jar() {
  find "$KINEMA_HOME/$1/target" -maxdepth 1 -name "kinema-$1-*.jar" ! -name '*-sources.jar' ! -name '*-javadoc.jar' \
    -print -quit
}

# kinema_maven MODULES ARGS...: runs Maven, after which these modules are built.
kinema_maven() {
  local modules=$1 module started=$KINEMA_HOME/target/build.started
  shift
  mkdir -p "$KINEMA_HOME/target"
  printf '%s' "${KINEMA_MAVEN_ARGS:-}" >"$started"
  # A build that fails leaves some of each behind. A current module comes out as it was: what was built with it stays
  # current too.
  for module in $modules; do
    if kinema_is_current "$module"; then
      mv "$KINEMA_HOME/$module/target/built" "$KINEMA_HOME/$module/target/built.before"
    else
      rm -f "$KINEMA_HOME/$module/target/built" "$KINEMA_HOME/$module/target/built.before"
    fi
  done
  # Maven ends before fully optimised code pays: without such code, a build takes half the processor time.
  # shellcheck disable=SC2086
  (cd "$KINEMA_HOME" && MAVEN_OPTS="-XX:TieredStopAtLevel=1 ${MAVEN_OPTS:-}" mvn -B "$@" ${KINEMA_MAVEN_ARGS:-}) \
    || return
  # As old as the start of the build: what has changed since is not in it.
  for module in $modules; do
    if [ -e "$KINEMA_HOME/$module/target/built.before" ]; then
      mv "$KINEMA_HOME/$module/target/built.before" "$KINEMA_HOME/$module/target/built"
    else
      cp -p "$started" "$KINEMA_HOME/$module/target/built"
    fi
  done
}

# kinema_build MODULE: with the modules that it needs and no others.
# Several scripts may start at once: one builds, the others wait.
kinema_build() {
  if [ -e "$KINEMA_HOME/lib/$1.classpath" ] || kinema_is_built "$1"; then
    return
  fi
  command -v mvn >/dev/null \
    || kinema_fail "Kinema must be built, and mvn is not on the PATH; install Apache Maven 3.8.7 or newer"
  mkdir -p "$KINEMA_HOME/target"
  (
    if command -v flock >/dev/null; then flock 9; fi
    if kinema_is_built "$1"; then
      exit
    fi
    echo "building Kinema (once; downloads its libraries the first time) ..." >&2
    kinema_maven "$(kinema_modules "$1")" -q package -pl "$1" -am -Dmaven.test.skip=true >&2 \
      || kinema_fail "the build failed; see above, or run: mvn -B package"
  ) 9>"$KINEMA_HOME/target/build.lock"
}

# What a module runs on, its own jar first.
kinema_classpath() {
  local name path=
  if [ -e "$KINEMA_HOME/lib/$1.classpath" ]; then
    while read -r name; do
      path=$path:$KINEMA_HOME/lib/$name
    done <"$KINEMA_HOME/lib/$1.classpath"
    echo "${path#:}"
  else
    echo "$(kinema_jar "$1"):$(cat "$KINEMA_HOME/$1/target/classpath.txt")"
  fi
}

# kinema_java MODULE MAIN_CLASS ARGS...: becomes that Java program. More JVM flags can be given in KINEMA_JAVA_OPTS.
kinema_java() {
  local module=$1 main=$2
  shift 2
  kinema_build "$module"
  # shellcheck disable=SC2086
  exec "$JAVA_HOME/bin/java" "${KINEMA_JVM_FLAGS[@]}" ${KINEMA_JAVA_OPTS:-} \
    -cp "$(kinema_classpath "$module")" "$main" "$@"
}
