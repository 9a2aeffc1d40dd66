<?php
// Copyright (C) the Sallyport authors
//
// PHP among the readers of the panel; judge.c says what goes in and out.
// "?": no string is the model.

function take($n)
{
    $data = '';
    while (strlen($data) < $n) {
        $more = fread(STDIN, $n - strlen($data));
        if ($more === false || $more === '') {
            break;
        }
        $data .= $more;
    }
    return $data;
}

while (strlen($head = take(4)) === 4) {
    $data = take(unpack('V', $head)[1]);
    $body = json_decode($data, true);
    if (json_last_error() !== JSON_ERROR_NONE) {
        fwrite(STDOUT, "-\n");
    } elseif (is_array($body) && is_string($body['model'] ?? null)) {
        $stream = ($body['stream'] ?? null) === true ? 1 : 0;
        fwrite(STDOUT, '=' . bin2hex($body['model']) . " $stream\n");
    } else {
        fwrite(STDOUT, "?\n");
    }
}
