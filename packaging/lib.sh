# What the packaging scripts share; sourced by them.
# shellcheck shell=bash

# The repository.
root() { (cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd); }

# The version that the workspace has.
version() { sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' "$(root)/Cargo.toml"; }

# The instant that everything is dated with, so that one commit gives one package to the byte.
epoch() {
  echo "${SOURCE_DATE_EPOCH:-$(git -C "$(root)" log -1 --format=%ct 2>/dev/null || echo 0)}"
}

# Puts the command and what belongs to it below a folder, as under /usr: binary, completions,
# manual pages, documents.
furnish() {
  local binary="$1" usr="$2" root
  root="$(root)"
  install -D -m 0755 "$binary" "$usr/bin/turquoise"
  if command -v strip >/dev/null; then
    strip "$usr/bin/turquoise"
  fi
  install -d "$usr/share/bash-completion/completions" "$usr/share/zsh/vendor-completions" \
    "$usr/share/fish/vendor_completions.d" "$usr/share/doc/turquoise"
  "$usr/bin/turquoise" completions bash >"$usr/share/bash-completion/completions/turquoise"
  "$usr/bin/turquoise" completions zsh >"$usr/share/zsh/vendor-completions/_turquoise"
  "$usr/bin/turquoise" completions fish >"$usr/share/fish/vendor_completions.d/turquoise.fish"
  # Builds from before the command could print its manual have none.
  if "$usr/bin/turquoise" man --help >/dev/null 2>&1; then
    install -d "$usr/share/man/man1"
    "$usr/bin/turquoise" --quiet man "$usr/share/man/man1" >/dev/null
    gzip -9n "$usr/share/man/man1/"*.1
  fi
  install -m 0644 "$root/README.md" "$root/CHANGELOG.md" "$root/LICENSE-MIT" \
    "$root/LICENSE-APACHE" "$usr/share/doc/turquoise/"
  cp -R "$root/examples" "$usr/share/doc/turquoise/examples"
  # As in the repository, whatever umask and build left.
  chmod -R u=rwX,go=rX "$usr"
}

# Dates everything below a folder.
date_all() { find "$1" -exec touch --no-dereference --date="@$(epoch)" {} +; }
