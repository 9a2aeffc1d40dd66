# Copyright (C) the Sallyport authors
#
# Ruby among the readers of the panel; judge.c says what goes in and out.
# "?": no string is the model.

require 'json'

$stdin.binmode
$stdout.binmode

while (head = $stdin.read(4)) && head.length == 4
  data = $stdin.read(head.unpack1('V')) || ''
  begin
    body = JSON.parse(data.force_encoding('UTF-8'), max_nesting: 1000)
  rescue JSON::ParserError, EncodingError, ArgumentError
    puts '-'
    next
  end
  model = body.is_a?(Hash) ? body['model'] : nil
  if model.is_a?(String)
    puts "=#{model.unpack1('H*')} #{body['stream'] == true ? 1 : 0}"
  else
    puts '?'
  end
end
