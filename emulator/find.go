package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
)

// installHint is the one command that installs both emulators.
const installHint = "gcloud components install cloud-firestore-emulator pubsub-emulator"

// emulatorKind is how one of Google's emulators is found and started.
type emulatorKind struct {
	name, hostEnv, jarEnv string
	// sdk and cache are patterns below the Cloud SDK and the Firebase CLI's cache.
	sdk, cache string
	// command builds java's arguments.
	command func(jar string, port int) []string
}

var firestoreEmulator = emulatorKind{
	name: "firestore", hostEnv: "FIRESTORE_EMULATOR_HOST", jarEnv: "FIRESTORE_EMULATOR_JAR",
	sdk: "platform/cloud-firestore-emulator/*.jar", cache: "cloud-firestore-emulator-v*.jar",
	command: func(jar string, port int) []string {
		// It keeps old versions of documents in memory and wants heap. The jar
		// names no main class.
		return []string{"-Xmx" + heap(), "-Duser.language=en", "-cp", jar,
			"com.google.cloud.datastore.emulator.firestore.CloudFirestore", "--host=127.0.0.1", "--port=" + strconv.Itoa(port)}
	},
}

var pubsubEmulator = emulatorKind{
	name: "pubsub", hostEnv: "PUBSUB_EMULATOR_HOST", jarEnv: "PUBSUB_EMULATOR_JAR",
	sdk: "platform/pubsub-emulator/lib/cloud-pubsub-emulator-*.jar", cache: "pubsub-emulator-*/pubsub-emulator/lib/cloud-pubsub-emulator-*.jar",
	command: func(jar string, port int) []string {
		return []string{"-Xmx1g", "-jar", jar, "--host=127.0.0.1", "--port=" + strconv.Itoa(port)}
	},
}

func heap() string {
	if h := os.Getenv("THRONG_FIRESTORE_HEAP"); h != "" {
		return h
	}
	return "2g"
}

// surroundings is what finding an emulator looks at, so that tests can set it.
type surroundings struct {
	getenv func(string) string
	glob   func(pattern string) []string
	// roots are Cloud SDK folders, cacheDir is the Firebase CLI's.
	roots    []string
	cacheDir string
}

// find returns the address of a running emulator or the jar to start, in the
// order that the local contract gives.
func (k emulatorKind) find(s surroundings) (running, jar string, err error) {
	if host := s.getenv(k.hostEnv); host != "" {
		return host, "", nil
	}
	if jar := s.getenv(k.jarEnv); jar != "" {
		if len(s.glob(jar)) == 0 {
			return "", "", fmt.Errorf("%s names %s, which is not there", k.jarEnv, jar)
		}
		return "", jar, nil
	}
	patterns := make([]string, 0, len(s.roots)+1)
	for _, root := range s.roots {
		patterns = append(patterns, filepath.Join(root, k.sdk))
	}
	for _, p := range append(patterns, filepath.Join(s.cacheDir, k.cache)) {
		if found := s.glob(p); len(found) > 0 {
			sort.Strings(found)
			return "", found[len(found)-1], nil
		}
	}
	return "", "", fmt.Errorf("the %s emulator is not installed; install it with\n\n  %s\n\nor run again with --install", k.name, installHint)
}

func here() surroundings {
	home, _ := os.UserHomeDir()
	s := surroundings{getenv: os.Getenv, cacheDir: filepath.Join(home, ".cache/firebase/emulators"), glob: func(pattern string) []string {
		found, _ := filepath.Glob(pattern)
		return found
	}}
	if root := os.Getenv("CLOUDSDK_ROOT_DIR"); root != "" {
		s.roots = append(s.roots, root)
	}
	if gcloud, err := exec.LookPath("gcloud"); err == nil {
		if real, err := filepath.EvalSymlinks(gcloud); err == nil {
			s.roots = append(s.roots, filepath.Dir(filepath.Dir(real)))
		}
	}
	s.roots = append(s.roots, "/usr/lib/google-cloud-sdk", filepath.Join(home, "google-cloud-sdk"),
		"/opt/google-cloud-sdk", "/opt/homebrew/share/google-cloud-sdk", "/usr/local/share/google-cloud-sdk")
	return s
}

// minJava is the oldest Java that the emulators run on.
const minJava = 17

var javaVersion = regexp.MustCompile(`version "(?:1\.)?(\d+)`)

// checkJava looks for a Java that is new enough.
func checkJava(run func(name string, args ...string) ([]byte, error)) error {
	out, err := run("java", "-version")
	if err != nil {
		return fmt.Errorf("java was not found; the emulators need Java %d or later: install a JRE (for example openjdk-17-jre-headless)", minJava)
	}
	m := javaVersion.FindSubmatch(out)
	if m == nil {
		return fmt.Errorf("java -version says nothing that can be read as a version; the emulators need Java %d or later", minJava)
	}
	if n, _ := strconv.Atoi(string(m[1])); n < minJava {
		return fmt.Errorf("java is version %d; the emulators need Java %d or later: install a newer JRE or put one first on the PATH", n, minJava)
	}
	return nil
}

func runCombined(name string, args ...string) ([]byte, error) {
	return exec.Command(name, args...).CombinedOutput()
}

// install runs the one command that installs the emulators.
func install() error {
	cmd := exec.Command("gcloud", "components", "install", "cloud-firestore-emulator", "pubsub-emulator", "--quiet")
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w; a Cloud SDK from a package manager installs them as google-cloud-cli-firestore-emulator and google-cloud-cli-pubsub-emulator", installHint, err)
	}
	return nil
}
