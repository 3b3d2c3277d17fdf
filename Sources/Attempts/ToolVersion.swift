/// The version of Millrace, in the one place that names it. `millrace --version` prints it and the card of each model version has it; the
/// man page and the Debian package ask the program for it. `CHANGELOG.md` begins with it.
package let toolVersion = "0.2.0"
