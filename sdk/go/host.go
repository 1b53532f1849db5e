package hook

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"groundcrew.dev/hook/internal/imports/groundcrew_hook_config"
	"groundcrew.dev/hook/internal/imports/groundcrew_hook_http"
	"groundcrew.dev/hook/internal/imports/groundcrew_hook_log"
	"groundcrew.dev/hook/internal/imports/groundcrew_hook_types"
	wit "groundcrew.dev/hook/internal/wit/types"
)

// Config reads the stanza's `config`, templates filled in, into a value.
func Config(into any) error {
	return json.Unmarshal([]byte(groundcrew_hook_config.Get()), into)
}

// Secret is a token that becomes the secret's value on the way out.
func Secret(name string) (string, error) {
	result := groundcrew_hook_config.Secret(name)
	if result.IsErr() {
		return "", failed(result.Err())
	}
	return result.Ok(), nil
}

// Log keeps a note with the run.
func Log(format string, values ...any) {
	groundcrew_hook_log.Log(groundcrew_hook_log.Level_Info, fmt.Sprintf(format, values...))
}

// Request is what is sent.
type Request struct {
	Method, URL string
	Header      [][2]string
	Body        []byte
	// Seal holds JSON pointers into the answer: the host keeps these strings and shows tokens instead.
	Seal []string
}

// Response is what came back.
type Response struct {
	Status int
	// Header has names in lower case.
	Header [][2]string
	Body   []byte
}

// Send sends one request. Any status is an answer; an error says that none came, or that a grant is missing.
func Send(request Request) (Response, error) {
	sent := groundcrew_hook_http.Request{Method: request.Method, Url: request.URL, Body: request.Body, Seal: request.Seal}
	for _, header := range request.Header {
		sent.Headers = append(sent.Headers, wit.Tuple2[string, string]{F0: header[0], F1: header[1]})
	}
	result := groundcrew_hook_http.Send(sent)
	if result.IsErr() {
		return Response{}, failed(result.Err())
	}
	answer := result.Ok()
	response := Response{Status: int(answer.Status), Body: answer.Body}
	for _, header := range answer.Headers {
		response.Header = append(response.Header, [2]string{header.F0, header.F1})
	}
	return response, nil
}

// ErrNotFound is what JSON answers to a status of 404; errors.Is finds it.
var ErrNotFound = errors.New("not found")

// JSON sends a value, unless it is nil, and reads the answer into another, unless that is nil. A status other than 2xx
// is an error that knows whether to try again. An answer without a body, and one of 204 or 205, leaves the value as it
// is; one that is no JSON is an error that shows how it begins.
func JSON(method, url string, body, into any, header ...[2]string) error {
	request := Request{Method: method, URL: url, Header: header}
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		request.Body = text
		request.Header = append(request.Header, [2]string{"content-type", "application/json"})
	}
	response, err := Send(request)
	if err != nil {
		return err
	}
	if response.Status < 200 || response.Status > 299 {
		return refused(response)
	}
	if into == nil || len(response.Body) == 0 || response.Status == 204 || response.Status == 205 {
		return nil
	}
	if !json.Valid(response.Body) {
		return noJSON(request, response)
	}
	return json.Unmarshal(response.Body, into)
}

// Pages asks for a listing page by page, and gives the rows of all. rows and next are JSON pointers into each answer; what
// next shows, a string or a number, is the parameter cursor of the next request, and the last page shows none, null or "".
// A page without its rows is an error: it is not a listing without any.
func Pages[Row any](url, cursor, rows, next string, header ...[2]string) ([]Row, error) {
	return EachPage[Row](url, cursor, rows, next, func(url string, into any) error {
		return JSON("GET", url, nil, into, header...)
	})
}

// Segment makes a text fit for one segment of a URL's path, or for a value of its query.
func Segment(text string) string {
	return strings.ReplaceAll(url.QueryEscape(text), "+", "%20")
}

func noJSON(request Request, response Response) error {
	kind := "no content-type"
	for _, header := range response.Header {
		if strings.EqualFold(header[0], "content-type") {
			kind = header[1]
			break
		}
	}
	// The first 80 bytes; a dot for each that is no printable ASCII.
	begin := append([]byte(nil), response.Body[:min(len(response.Body), 80)]...)
	for i, char := range begin {
		if char < 32 || char > 126 {
			begin[i] = '.'
		}
	}
	const format = "%s %s: status %d, %s: the answer is no JSON: %s"
	return &Failure{Message: fmt.Sprintf(format, request.Method, request.URL, response.Status, kind, begin)}
}

func refused(response Response) error {
	text := strings.ToValidUTF8(strings.TrimSpace(string(response.Body)), "?")
	if len(text) > 500 {
		text = strings.ToValidUTF8(text[:500], "")
	}
	failure := &Failure{Message: fmt.Sprintf("status %d: %s", response.Status, text), Status: response.Status}
	switch response.Status {
	case 401, 408, 409, 412, 423, 425, 429:
	default:
		failure.Lasting = response.Status < 500
	}
	for _, header := range response.Header {
		if seconds, err := strconv.ParseUint(header[1], 10, 20); err == nil && strings.EqualFold(header[0], "retry-after") {
			failure.After = time.Duration(seconds) * time.Second
		}
	}
	return failure
}

func failed(failure groundcrew_hook_types.Failure) error {
	after := time.Duration(failure.AfterMs.SomeOr(0)) * time.Millisecond
	return &Failure{Message: failure.Message, Lasting: !failure.Retry, After: after}
}
