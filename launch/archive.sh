#!/usr/bin/env bash
# Packs what has been built into one archive that runs with a JDK alone: launch/target/kinema-VERSION-linux-ARCH.tar.gz.
# Maven calls this in its phase package. A commit with a tag vX.Y.Z gives the archive that version.
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/env.sh"

version=$(git -C "$KINEMA_HOME" describe --tags --exact-match --match 'v*' 2>/dev/null || echo "v$1")
name=kinema-${version#v}-linux-$(uname -m)
target=$KINEMA_SCRIPTS/target
folder=$target/$name
rm -rf "$folder" "$target"/kinema-*.tar.gz
mkdir -p "$folder/bin" "$folder/lib"

for module in data-pipeline trainer recaption; do
  IFS=: read -ra jars <<<"$(kinema_jar "$module"):$(cat "$KINEMA_HOME/$module/target/classpath.txt")"
  for jar in "${jars[@]}"; do
    file=$folder/lib/$(basename "$jar")
    [ -e "$file" ] || ln "$jar" "$file" 2>/dev/null || cp "$jar" "$file"
    basename "$jar" >>"$folder/lib/$module.classpath"
  done
done
git -C "$KINEMA_HOME" describe --always --dirty >"$folder/lib/commit" 2>/dev/null || echo unknown >"$folder/lib/commit"

cp -r "$KINEMA_SCRIPTS"/{kinema,*.sh,hotspot.compiler,slurm,k8s} "$folder/bin"
rm "$folder/bin/archive.sh"
cp -r "$KINEMA_HOME"/{configs,docs,README.md,CHANGELOG.md,LICENSE} "$folder"

# Jars are compressed already: gzip at its fastest makes 4 % of it, in ten times the time.
tar -C "$target" -cf - "$name" | "$JAVA_HOME/bin/java" "$KINEMA_SCRIPTS/Store.java" >"$target/$name.tar.gz"
rm -rf "$folder"
echo "made $target/$name.tar.gz"
