// Package kv is the small memory of a handler or auditor, private to the hook and the subject, or the audit. Writes are
// seen at once by this run and become durable with its success, or not at all.
package kv

import (
	"groundcrew.dev/hook/internal/convert"
	"groundcrew.dev/hook/internal/imports/groundcrew_hook_kv"
)

// Get is what was last set under a key; found says whether anything was.
func Get(key string) (value []byte, found bool, err error) {
	result := groundcrew_hook_kv.Get(key)
	if result.IsErr() {
		return nil, false, convert.Error(result.Err())
	}
	option := result.Ok()
	return option.SomeOr(nil), option.IsSome(), nil
}

// Set remembers at most 64 KiB under a key of at most 256 bytes.
func Set(key string, value []byte) error {
	result := groundcrew_hook_kv.Set(key, value)
	if result.IsErr() {
		return convert.Error(result.Err())
	}
	return nil
}

// Delete forgets a key.
func Delete(key string) error {
	result := groundcrew_hook_kv.Delete(key)
	if result.IsErr() {
		return convert.Error(result.Err())
	}
	return nil
}
