# shellcheck shell=bash
# Packages of any Debian suite, fetched and unpacked without installing them. Sourced by the fetch-* scripts.
#
# The mirror and its signing key come from this machine's own apt sources; apt gets a state folder of its own, so the
# system's lists, cache and pins are neither used nor changed. No root is needed.
#
#   apt_setup DIR SUITE...          write DIR's source list and read the indexes of the suites
#   apt_unpack PACKAGE TARGET SUITE...   unpack PACKAGE from the first of the suites that has it into TARGET;
#                                        prints "suite version"; 1 if none has it

apt_state=

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

# Prints one deb822 paragraph of the system's Debian archive with Suites replaced by $1; 1 if the system has none.
# Read are sources.list and debian.sources first, so that a third party's archive is not mistaken for Debian's.
apt_own_source()
{
    local suites=$1 etc=/etc/apt file
    local codename
    codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
    for file in "$etc"/sources.list "$etc"/sources.list.d/debian.sources \
                "$etc"/sources.list.d/*.list "$etc"/sources.list.d/*.sources; do
        [ -r "$file" ] || continue
        case $file in
        *.sources) apt_deb822_source "$suites" "$codename" "$file" ;;
        *) apt_oneline_source "$suites" "$codename" "$file" ;;
        esac && return 0
    done
    return 1
}

# A suite of Debian's main archive, not its security archive or some -updates pocket.
apt_suite_pattern() { printf '^(%s|stable|oldstable|testing|unstable|sid)$' "${1:-none}"; }

apt_deb822_source()
{
    awk -v suites="$1" -v wanted="$(apt_suite_pattern "$2")" '
        BEGIN { RS = ""; FS = "\n"; status = 1 }
        {
            split("", value); name = ""; kept = ""
            for (i = 1; i <= NF; i++) {
                if ($i ~ /^#/) continue
                if ($i ~ /^[^ \t:]+:/) {
                    name = tolower($i); sub(/:.*/, "", name)
                    text = $i; sub(/^[^:]*:[ \t]*/, "", text)
                    value[name] = text
                } else value[name] = value[name] " " $i
                if (name !~ /^(types|suites|components|enabled|targets|languages|architectures|x-repolib-name)$/)
                    kept = kept $i "\n"
            }
            if (value["types"] !~ /(^| )deb( |$)/ || tolower(value["enabled"]) ~ /^(no|false|0)/) next
            if ((" " value["components"] " ") !~ / main /) next
            n = split(value["suites"], list, /[ \t]+/); fits = 0
            for (i = 1; i <= n; i++) if (list[i] ~ wanted) fits = 1
            if (!fits) next
            printf "Types: deb\nSuites: %s\nComponents: main\nTargets: Packages\n%s", suites, kept
            status = 0
            exit
        }
        END { exit status }' "$3"
}

apt_oneline_source()
{
    awk -v suites="$1" -v wanted="$(apt_suite_pattern "$2")" '
        BEGIN { status = 1 }
        /^[ \t]*deb[ \t]/ {
            sub(/#.*/, ""); options = ""
            if (match($0, /\[[^]]*\]/)) {
                options = substr($0, RSTART + 1, RLENGTH - 2)
                $0 = substr($0, 1, RSTART - 1) substr($0, RSTART + RLENGTH)
            }
            main = 0
            for (i = 4; i <= NF; i++) if ($i == "main") main = 1
            if (!main || $3 !~ wanted) next
            printf "Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nTargets: Packages\n", $2, suites
            n = split(options, list, /[ \t]+/)
            for (i = 1; i <= n; i++) {
                if (split(list[i], pair, "=") != 2 || pair[1] ~ /^(arch|lang|target)[+-]?$/) continue
                gsub(/,/, " ", pair[2]); printf "%s: %s\n", pair[1], pair[2]
            }
            status = 0
            exit
        }
        END { exit status }' "$3"
}

apt_own() { apt-get -qq -c "$apt_state/apt.conf" "$@"; }

apt_setup()
{
    local state=$1 suites
    shift
    suites=$*
    for tool in apt-get dpkg-deb; do
        command -v $tool >/dev/null || { say "no $tool here: this needs a Debian system"; return 1; }
    done
    mkdir -p "$state"/{sources,etc,lists/partial,cache/archives/partial,download}
    state=$(cd "$state" && pwd)
    apt_own_source "$suites" > "$state/sources/heaptop.sources" ||
        { say "no Debian archive in this machine's apt sources: nothing can be fetched"; return 1; }
    : > "$state/status"
    # The system's settings (proxies, authentication) stay in force; only places and hooks are ours.
    cat > "$state/apt.conf" <<CONF
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Post-Invoke;
Dir::Etc::SourceList "/dev/null";
Dir::Etc::SourceParts "$state/sources";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "$state/etc";
Dir::State "$state";
Dir::State::Lists "$state/lists";
Dir::State::Status "$state/status";
Dir::Cache "$state/cache";
APT::Architecture "amd64";
APT::Architectures "amd64";
APT::Sandbox::User "root";
APT::Default-Release "";
Acquire::Languages "none";
Acquire::Retries "3";
CONF
    apt_state=$state
    # A suite that is missing leaves the others usable, so the exit status says little: look for packages instead.
    apt_own update >"$state/update.log" 2>&1 || { say "not every suite could be read:"; sed 's/^/    /' "$state/update.log" >&2; }
}

apt_unpack()
{
    local package=$1 target=$2 suite version folder
    shift 2
    for suite in "$@"; do
        folder=$apt_state/download/$package
        rm -rf "$folder"
        mkdir -p "$folder"
        (cd "$folder" && apt_own download "$package/$suite") >"$apt_state/download.log" 2>&1 || continue
        version=$(dpkg-deb -f "$folder"/*.deb Version) || continue
        mkdir -p "$target"
        dpkg-deb -x "$folder"/*.deb "$target" || return 1
        rm -rf "$folder"
        echo "$suite $version"
        return 0
    done
    sed 's/^/    /' "$apt_state/download.log" >&2
    return 1
}
