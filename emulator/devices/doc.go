// Package devices is nothing but tests: it holds the devices of users against a
// simple model of what they may see. Two instances of every function run in the
// test's process, on the emulators; events come late, twice and in any order.
package devices
