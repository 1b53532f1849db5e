// Package runtime gives the generated bindings their memory.
package runtime

import (
	"fmt"
	"runtime"
	"unsafe"
)

// Allocate makes memory of the Go heap that stays where it is until the pinner lets it go.
func Allocate(pinner *runtime.Pinner, size, align uintptr) unsafe.Pointer {
	if size == 0 {
		return nil
	}
	var pointer unsafe.Pointer
	switch align {
	case 1:
		pointer = unsafe.Pointer(unsafe.SliceData(make([]uint8, size)))
	case 2:
		pointer = unsafe.Pointer(unsafe.SliceData(make([]uint16, (size+1)/2)))
	case 4:
		pointer = unsafe.Pointer(unsafe.SliceData(make([]uint32, (size+3)/4)))
	case 8:
		pointer = unsafe.Pointer(unsafe.SliceData(make([]uint64, (size+7)/8)))
	default:
		panic(fmt.Sprintf("unsupported alignment: %v", align))
	}
	pinner.Pin(pointer)
	return pointer
}

// Unpin has nothing to do: what cabi_realloc gave is not of the Go heap.
func Unpin() {}

//go:linkname sbrk runtime.sbrk
func sbrk(n uintptr) unsafe.Pointer

// What is left of the last piece that was taken from the system.
var free, end uintptr

// cabiRealloc gives the host memory for arguments and results, outside of the Go heap, and never takes it back: an
// instance lives for one call. So the garbage collector never runs here, where no import may be called.
//
//go:wasmexport cabi_realloc
func cabiRealloc(old unsafe.Pointer, oldSize, align, newSize uintptr) unsafe.Pointer {
	start := (free + align - 1) &^ (align - 1)
	if start+newSize > end {
		piece := (newSize + align + 65535) &^ 65535
		begin := uintptr(sbrk(piece))
		if begin != end {
			free = begin
		}
		end = begin + piece
		start = (free + align - 1) &^ (align - 1)
	}
	free = start + newSize
	given := unsafe.Pointer(start)
	if oldSize > 0 {
		copy(unsafe.Slice((*byte)(given), newSize), unsafe.Slice((*byte)(old), oldSize))
	}
	return given
}
