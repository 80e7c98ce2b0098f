# frozen_string_literal: true

# What passes between the console and this Ruby: MessagePack, the part of it that both sides use.
# Texts, numbers, true, false, nil, arrays and hashes; nothing that arrives is ever run.
module Wire
  # A hash's keys that are texts become symbols when `symbols` is true.
  def self.read(bytes, symbols: false) = Reader.new(bytes, symbols).value

  class Reader
    def initialize(bytes, symbols)
      @bytes = bytes.b
      @at = 0
      @symbols = symbols
    end

    def value
      case kind = take("C", 1)
      when 0x00..0x7f then kind
      when 0x80..0x8f then hash(kind & 15)
      when 0x90..0x9f then array(kind & 15)
      when 0xa0..0xbf then text(kind & 31)
      when 0xc0 then nil
      when 0xc2 then false
      when 0xc3 then true
      when 0xcb then take("G", 8)
      when 0xcc then take("C", 1)
      when 0xcd then take("n", 2)
      when 0xce then take("N", 4)
      when 0xcf then take("Q>", 8)
      when 0xd0 then take("c", 1)
      when 0xd1 then take("s>", 2)
      when 0xd2 then take("l>", 4)
      when 0xd3 then take("q>", 8)
      when 0xd9 then text(take("C", 1))
      when 0xda then text(take("n", 2))
      when 0xdb then text(take("N", 4))
      when 0xdc then array(take("n", 2))
      when 0xdd then array(take("N", 4))
      when 0xde then hash(take("n", 2))
      when 0xdf then hash(take("N", 4))
      when 0xe0..0xff then kind - 256
      else raise ArgumentError, "no such kind: #{kind}"
      end
    end

    private

    def take(how, size)
      value = @bytes.unpack1(how, offset: @at)
      @at += size
      value
    end

    def text(size)
      value = @bytes.byteslice(@at, size).force_encoding("utf-8")
      @at += size
      value
    end

    def array(size) = Array.new(size) { value }

    def hash(size)
      size.times.to_h do
        key = value
        [@symbols && key.is_a?(String) ? key.to_sym : key, value]
      end
    end
  end

  # Symbols are packed once: a run sends few, many times.
  NAMES = Hash.new { |names, symbol| names[symbol] = text(symbol.name) }

  def self.write(value, out = "".b)
    case value
    when Symbol then out << NAMES[value]
    when Float then out << 0xcb << [value].pack("G")
    when Integer then value.between?(0, 127) ? out << value : out << [0xd3, value].pack("Cq>")
    when String then out << text(value)
    when Hash
      out << [0xdf, value.size].pack("CN")
      value.each { |key, item| write(item, write(key, out)) }
    when Array
      out << [0xdd, value.size].pack("CN")
      value.each { |item| write(item, out) }
    when nil then out << 0xc0
    when false then out << 0xc2
    when true then out << 0xc3
    else raise ArgumentError, "cannot send a #{value.class}"
    end
    out
  end

  def self.text(text)
    bytes = text.dup.force_encoding("utf-8").scrub("?").b
    [0xdb, bytes.bytesize].pack("CN") << bytes
  end
end
